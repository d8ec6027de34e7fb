/* SPDX-License-Identifier: MIT */
#include "flow-world.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

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

/* --- the order of samples */

enum { PORTS = 40, SCANS = 3000 };

static uint32_t chance(uint32_t below)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x % below);
}

/* Which flows there are, in which order they are told, and which are told twice, is at random: the
 * table may rest on an order, but not rely on it. */
Test(flow_table, samples_come_in_any_order)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    uint64_t packets[PORTS] = {}, told = 0;
    uint16_t order[PORTS];
    Sum sum = {};

    cr_assert_eq(flow_table_new(PORTS, &timeouts, on_delta, &sum, &table), 0);
    for (uint16_t i = 0; i < PORTS; i++)
        order[i] = i;
    for (unsigned s = 0; s < SCANS; s++) {
        unsigned swaps = chance(4) ? chance(3) : PORTS, live = 0;

        for (unsigned i = 0; i < swaps; i++) {
            uint32_t a = chance(PORTS), b = chance(PORTS);
            uint16_t port = order[a];

            order[a] = order[b];
            order[b] = port;
        }
        flow_table_scan_begin(table, SEC);
        for (unsigned i = 0; i < PORTS; i++) {
            uint16_t port = order[i];
            FlowSample one;

            if (packets[port] == 0 && chance(8))
                continue; /* not there */
            packets[port]++;
            told++;
            live++;
            one = sample(port, IPPROTO_UDP, packets[port], SEC);
            for (unsigned times = chance(10) ? 1 : 2; times > 0; times--)
                cr_assert_eq(flow_table_add(table, &one, SEC), 0);
        }
        flow_table_scan_end(table, SEC);
        cr_assert_eq(flow_table_totals(table)->live, live);
        check_sum(table, told);
        for (uint16_t port = 0; port < PORTS; port++) {
            FlowSample last = sample(port, IPPROTO_UDP, packets[port], SEC);

            if (packets[port] == 0 || chance(6))
                continue;
            flow_table_end(table, &last, FLOW_END_IDLE, SEC);
            packets[port] = 0;
        }
    }
    cr_assert_eq(sum.packets, told);
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
