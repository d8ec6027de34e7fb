/* SPDX-License-Identifier: MIT */
#include "flow/flow-table.h"
#include "flow/keyed-hash.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#define SEC 1000000000ULL

static const FlowTimeouts timeouts = {.tcp_idle_ns = 120 * SEC,
        .other_idle_ns = 30 * SEC,
        .active_ns = 1800 * SEC,
        .closed_linger_ns = 5 * SEC};

typedef struct Sum {
    unsigned deltas;
    uint64_t packets, bytes, syn, ack;
} Sum;

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    Sum *sum = userdata;

    sum->deltas++;
    sum->packets += delta->packets;
    sum->bytes += delta->bytes;
    sum->syn += delta->syn_packets;
    sum->ack += delta->ack_packets;
}

static FlowSample sample(uint16_t sport, uint8_t protocol, uint64_t packets, uint64_t seen_ns)
{
    FlowSample s = {.packets = packets,
            .bytes = packets * 100,
            .first_seen_ns = SEC,
            .last_seen_ns = seen_ns,
            .key = {.sport = sport, .dport = 80, .ifindex = 1, .protocol = protocol}};

    return s;
}

static void scan(FlowTable *table, const FlowSample *samples, size_t n, uint64_t now_ns)
{
    flow_table_scan_begin(table, now_ns);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(flow_table_add(table, &samples[i], now_ns), 0);
    flow_table_scan_end(table, now_ns);
}

/* Every packet ever reported is in exactly one of the three sums. */
static void check_sum(const FlowTable *table, uint64_t packets)
{
    const FlowTotals *t = flow_table_totals(table);

    cr_assert_eq(t->live_packets + t->ended_packets + t->vanished_packets, packets);
}

Test(flow_table, deltas_are_what_was_added)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    Sum sum = {};
    FlowSample s = sample(1, IPPROTO_TCP, 10, SEC);

    s.syn_packets = 1;
    s.ack_packets = 9;
    cr_assert_eq(flow_table_new(10, &timeouts, on_delta, &sum, &table), 0);
    scan(table, &s, 1, SEC);
    cr_assert_eq(sum.packets, 10);
    cr_assert_eq(sum.ack, 9);
    scan(table, &s, 1, 2 * SEC);
    cr_assert_eq(sum.deltas, 1, "nothing was added, nothing is told");
    s.packets = 14;
    s.bytes = 2000;
    s.ack_packets = 13;
    scan(table, &s, 1, 3 * SEC);
    cr_assert_eq(sum.deltas, 2);
    cr_assert_eq(sum.packets, 14);
    cr_assert_eq(sum.bytes, 2000);
    cr_assert_eq(sum.syn, 1);
    cr_assert_eq(sum.ack, 13);
    check_sum(table, 14);
    cr_assert_eq(flow_table_get(table, &s.key)->packets_per_second_milli, 4000);
    cr_assert_eq(flow_table_get(table, &s.key)->bytes_per_second, 1000);
}

Test(flow_table, rate_falls_to_nothing)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s = sample(1, IPPROTO_TCP, 10, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, &s, 1, SEC);
    cr_assert_gt(flow_table_get(table, &s.key)->packets_per_second_milli, 0);
    scan(table, &s, 1, 2 * SEC);
    cr_assert_eq(flow_table_get(table, &s.key)->packets_per_second_milli, 0);
}

Test(flow_table, unmet_flow_has_vanished)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s[2] = {sample(1, IPPROTO_TCP, 10, SEC), sample(2, IPPROTO_TCP, 5, SEC)};

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, s, 2, SEC);
    scan(table, &s[1], 1, 2 * SEC);
    cr_assert_null(flow_table_get(table, &s[0].key));
    cr_assert_eq(flow_table_totals(table)->live, 1);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 10);
    flow_table_vanish(table, &s[1].key);
    flow_table_vanish(table, &s[1].key);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 15);
    check_sum(table, 15);
}

Test(flow_table, shrunk_flow_is_another)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    Sum sum = {};
    FlowSample s = sample(1, IPPROTO_TCP, 10, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, on_delta, &sum, &table), 0);
    scan(table, &s, 1, SEC);
    s.packets = 3;
    scan(table, &s, 1, 2 * SEC);
    cr_assert_eq(sum.packets, 13);
    cr_assert_eq(flow_table_totals(table)->started, 2);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 10);
    check_sum(table, 13);
}

Test(flow_table, reborn_and_grown_flow_is_another_too)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s = sample(1, IPPROTO_TCP, 10, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, &s, 1, SEC);
    s = sample(1, IPPROTO_TCP, 30, 2 * SEC);
    s.first_seen_ns = 2 * SEC;
    scan(table, &s, 1, 2 * SEC);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 10);
    check_sum(table, 40);
}

Test(flow_table, quiet_scan_tells_nothing_of_the_past)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    Sum sum = {};
    FlowSample s = sample(1, IPPROTO_TCP, 1000000, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, on_delta, &sum, &table), 0);
    flow_table_set_quiet(table, true);
    scan(table, &s, 1, SEC);
    flow_table_set_quiet(table, false);
    cr_assert_eq(sum.deltas, 0);
    cr_assert_eq(flow_table_totals(table)->live_packets, 1000000);
    s.packets += 2;
    scan(table, &s, 1, 2 * SEC);
    cr_assert_eq(sum.packets, 2);
}

Test(flow_table, is_bounded_and_says_what_it_refused)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s;

    cr_assert_eq(flow_table_new(149, &timeouts, NULL, NULL, &table), 0);
    flow_table_scan_begin(table, SEC);
    for (unsigned i = 0; i < 310; i++) {
        s = sample((uint16_t)i, IPPROTO_UDP, 1, SEC);
        cr_assert_eq(flow_table_add(table, &s, SEC), i < 300 ? 0 : -ENOMEM);
    }
    flow_table_scan_end(table, SEC);
    cr_assert_eq(flow_table_totals(table)->refused, 10);
    cr_assert_eq(flow_table_totals(table)->live, 300);
    /* Room that was given back is used again. */
    s = sample(5, IPPROTO_UDP, 1, SEC);
    flow_table_end(table, &s, FLOW_END_IDLE, SEC);
    s = sample(999, IPPROTO_UDP, 1, SEC);
    cr_assert_eq(flow_table_add(table, &s, SEC), 0);
}

Test(flow_table, end_emits_the_last_delta)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    Sum sum = {};
    FlowSample s = sample(1, IPPROTO_TCP, 10, SEC), unknown = sample(2, IPPROTO_TCP, 4, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, on_delta, &sum, &table), 0);
    scan(table, &s, 1, SEC);
    s.packets = 12;
    flow_table_end(table, &s, FLOW_END_CLOSED, 2 * SEC);
    cr_assert_eq(sum.packets, 12);
    cr_assert_null(flow_table_get(table, &s.key));
    cr_assert_eq(flow_table_totals(table)->ended[FLOW_END_CLOSED], 1);
    cr_assert_eq(flow_table_totals(table)->ended_packets, 12);
    flow_table_end(table, &unknown, FLOW_END_FLUSH, 2 * SEC);
    cr_assert_eq(sum.packets, 16);
    cr_assert_eq(flow_table_totals(table)->live, 0);
    check_sum(table, 16);
}

Test(flow_table, ended_base_can_be_set_anew)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s = sample(1, IPPROTO_TCP, 10, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    flow_table_set_ended_base(table, 1000);
    flow_table_end(table, &s, FLOW_END_IDLE, SEC);
    cr_assert_eq(flow_table_totals(table)->ended_packets, 1010);
    flow_table_set_ended_base(table, 990);
    cr_assert_eq(flow_table_totals(table)->ended_packets, 1000);
}

/* --- expiry */

static FlowEnd over(const FlowSample *s, uint64_t now_ns)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowKey key;
    FlowEnd reason = FLOW_END_NONE;

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, s, 1, now_ns);
    if (flow_table_collect_ended(table, now_ns, 0, &key, &reason, 1) == 1)
        cr_assert_eq(memcmp(&key, &s->key, sizeof(key)), 0);
    return reason;
}

Test(flow_table, idle_after_its_protocols_time)
{
    FlowSample tcp = sample(1, IPPROTO_TCP, 5, 1000 * SEC);
    FlowSample udp = sample(1, IPPROTO_UDP, 5, 1000 * SEC);

    cr_assert_eq(over(&tcp, 1120 * SEC - 1), FLOW_END_NONE);
    cr_assert_eq(over(&tcp, 1120 * SEC), FLOW_END_IDLE);
    cr_assert_eq(over(&udp, 1030 * SEC - 1), FLOW_END_NONE);
    cr_assert_eq(over(&udp, 1030 * SEC), FLOW_END_IDLE);
    cr_assert_eq(over(&udp, 900 * SEC), FLOW_END_NONE, "a coarse clock may be ahead");
}

Test(flow_table, closed_after_a_short_linger)
{
    FlowSample s = sample(1, IPPROTO_TCP, 5, 1000 * SEC);

    s.tcp_flags = TCP_FLAG_FIN | TCP_FLAG_ACK;
    cr_assert_eq(over(&s, 1005 * SEC - 1), FLOW_END_NONE);
    cr_assert_eq(over(&s, 1005 * SEC), FLOW_END_CLOSED);
    s.tcp_flags = TCP_FLAG_RST;
    cr_assert_eq(over(&s, 1005 * SEC), FLOW_END_CLOSED);
    s.key.protocol = IPPROTO_UDP;
    cr_assert_eq(over(&s, 1005 * SEC), FLOW_END_NONE, "flags mean nothing there");
}

Test(flow_table, active_timeout_reports_and_goes_on)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s = sample(1, IPPROTO_TCP, 5, SEC);

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    for (uint64_t t = 1; t <= 5401; t += 100) {
        s.packets++;
        s.last_seen_ns = t * SEC;
        scan(table, &s, 1, t * SEC);
    }
    cr_assert_eq(flow_table_totals(table)->reported_active, 3);
    cr_assert_eq(flow_table_totals(table)->live, 1);
}

Test(flow_table, timeouts_can_change)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowTimeouts shorter = timeouts;
    FlowSample s = sample(1, IPPROTO_TCP, 5, SEC);
    FlowKey key;
    FlowEnd reason;

    shorter.tcp_idle_ns = SEC;
    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, &s, 1, 10 * SEC);
    cr_assert_eq(flow_table_collect_ended(table, 10 * SEC, 0, &key, &reason, 1), 0);
    flow_table_set_timeouts(table, &shorter);
    cr_assert_eq(flow_table_collect_ended(table, 10 * SEC, 0, &key, &reason, 1), 1);
}

Test(flow_table, early_eviction_takes_the_least_valuable_first)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s[6];
    FlowKey keys[6];
    FlowEnd reasons[6];
    static const uint16_t order[] = {60, 40, 50, 30, 20, 10};

    s[0] = sample(10, IPPROTO_TCP, 9, 99 * SEC);  /* busy, seen last */
    s[1] = sample(20, IPPROTO_TCP, 9, 98 * SEC);  /* busy */
    s[2] = sample(30, IPPROTO_UDP, 1, 97 * SEC);  /* one packet */
    s[3] = sample(40, IPPROTO_TCP, 1, 96 * SEC);  /* only SYNs, quiet longer */
    s[4] = sample(50, IPPROTO_TCP, 3, 97 * SEC);  /* only SYNs */
    s[5] = sample(60, IPPROTO_UDP, 50, 20 * SEC); /* idle: over anyway */
    s[3].syn_packets = 1;
    s[4].syn_packets = 3;
    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, s, 6, 100 * SEC);
    for (size_t wanted = 0; wanted <= 6; wanted++) {
        size_t n = flow_table_collect_ended(table, 100 * SEC, wanted, keys, reasons, 6);

        cr_assert_eq(n, MAX_OF(wanted, (size_t)1));
        for (size_t i = 0; i < n; i++) {
            cr_assert_eq(keys[i].sport, order[i], "%zu of %zu", i, n);
            cr_assert_eq(reasons[i], i == 0 ? FLOW_END_IDLE : FLOW_END_EARLY);
        }
    }
    cr_assert_eq(flow_table_collect_ended(table, 100 * SEC, 6, keys, reasons, 2), 2, "max holds");
}

/* Of many, held against sorting all of them. */
Test(flow_table, early_eviction_of_many_is_the_longest_idle)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    static FlowKey keys[1000];
    static FlowEnd reasons[1000];
    uint64_t x = 1;

    cr_assert_eq(flow_table_new(1000, &timeouts, NULL, NULL, &table), 0);
    flow_table_scan_begin(table, SEC);
    for (unsigned i = 0; i < 1000; i++) {
        FlowSample s;

        x = (x * 7919) % 1009; /* a permutation of 1..1008 */
        s = sample((uint16_t)i, IPPROTO_TCP, 5, x * 1000);
        cr_assert_eq(flow_table_add(table, &s, SEC), 0);
    }
    flow_table_scan_end(table, SEC);
    cr_assert_eq(flow_table_collect_ended(table, SEC, 100, keys, reasons, 1000), 100);
    for (unsigned i = 0; i < 100; i++) {
        unsigned older = 0;
        uint64_t mine = flow_table_get(table, &keys[i])->sample.last_seen_ns;

        for (unsigned j = 0; j < 1000; j++) {
            FlowKey key = sample((uint16_t)j, IPPROTO_TCP, 0, 0).key;

            older += flow_table_get(table, &key)->sample.last_seen_ns < mine;
        }
        cr_assert_eq(older, i);
    }
}

/* The table has no clock but `now`, and that is the monotonic one. */
Test(flow_table, wall_clock_is_irrelevant)
{
    FlowSample s = sample(1, IPPROTO_UDP, 5, 40 * 365 * 86400ULL * SEC);

    cr_assert_eq(over(&s, s.last_seen_ns + SEC), FLOW_END_NONE);
    cr_assert_eq(over(&s, s.last_seen_ns - 10 * 365 * 86400ULL * SEC), FLOW_END_NONE);
}

static bool count_two(const Flow *flow, void *userdata)
{
    return ++*(unsigned *)userdata < 2;
}

Test(flow_table, visiting_stops_when_told)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s[3] = {sample(1, 6, 1, SEC), sample(2, 6, 1, SEC), sample(3, 6, 1, SEC)};
    unsigned n = 0;

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, s, 3, SEC);
    flow_table_foreach(table, count_two, &n);
    cr_assert_eq(n, 2);
}

Test(flow_table, refuses_to_hold_nothing)
{
    FlowTable *table = (FlowTable *)&timeouts;

    cr_assert_eq(flow_table_new(0, &timeouts, NULL, NULL, &table), -EINVAL);
    cr_assert_eq((const void *)table, (const void *)&timeouts);
    cr_assert_null(flow_table_free(NULL));
}

Test(keyed_hash, spreads_and_repeats)
{
    uint64_t a = 1, b = 2;

    cr_assert_eq(keyed_hash(&a, sizeof(a)), keyed_hash(&a, sizeof(a)));
    cr_assert_neq(keyed_hash(&a, sizeof(a)), keyed_hash(&b, sizeof(b)));
}
