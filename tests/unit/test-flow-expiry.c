/* SPDX-License-Identifier: MIT */
/* Which flows end, when, and which go first where room is wanted. */

#include "flow-world.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

/* For all: the flows here are of one family. */
#define room(n) ((const size_t[]){(n), (n)})

static FlowEnd over(const FlowSample *s, uint64_t now_ns)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    EndingFlow ending = {.reason = FLOW_END_NONE};

    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, s, 1, now_ns);
    if (flow_table_collect_ended(table, now_ns, room(0), &ending, 1) == 1)
        cr_assert_eq(memcmp(&ending.key, &s->key, sizeof(FlowKey)), 0);
    return ending.reason;
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
    EndingFlow ending;

    shorter.tcp_idle_ns = SEC;
    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, &s, 1, 10 * SEC);
    cr_assert_eq(flow_table_collect_ended(table, 10 * SEC, room(0), &ending, 1), 0);
    flow_table_set_timeouts(table, &shorter);
    cr_assert_eq(flow_table_collect_ended(table, 10 * SEC, room(0), &ending, 1), 1);
}

Test(flow_table, early_eviction_takes_the_least_valuable_first)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    FlowSample s[6];
    EndingFlow ending[6];
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
        size_t n = flow_table_collect_ended(table, 100 * SEC, room(wanted), ending, 6);

        cr_assert_eq(n, MAX_OF(wanted, (size_t)1));
        for (size_t i = 0; i < n; i++) {
            cr_assert_eq(ending[i].key.sport, order[i], "%zu of %zu", i, n);
            cr_assert_eq(ending[i].reason, i == 0 ? FLOW_END_IDLE : FLOW_END_EARLY);
        }
    }
    cr_assert_eq(flow_table_collect_ended(table, 100 * SEC, room(6), ending, 2), 2, "max holds");
}

/* Each family has room of its own. */
Test(flow_table, early_eviction_is_of_the_family_that_wants_room)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    Address ipv4 = {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 10}};
    FlowSample s[6];
    EndingFlow ending[6];

    for (uint16_t i = 0; i < 6; i++) {
        s[i] = sample(i, IPPROTO_TCP, 9, (80 + i) * SEC);
        if (i % 2 == 0)
            s[i].key.src = s[i].key.dst = ipv4;
        else if (i == 1)
            s[i].key.src = ipv4; /* one end isn't */
    }
    cr_assert_eq(flow_table_new(10, &timeouts, NULL, NULL, &table), 0);
    scan(table, s, 6, 100 * SEC);
    cr_assert_eq(flow_table_totals(table)->live_of[FLOW_IPV4], 3);
    cr_assert_eq(flow_table_totals(table)->live_of[FLOW_IPV6], 3);
    cr_assert_eq(flow_table_collect_ended(table, 100 * SEC, (const size_t[]){2, 0}, ending, 6), 2);
    cr_assert_eq(ending[0].key.sport, 0);
    cr_assert_eq(ending[1].key.sport, 2);
    cr_assert_eq(flow_table_collect_ended(table, 100 * SEC, (const size_t[]){1, 9}, ending, 6), 4);
    cr_assert_eq(ending[0].key.sport, 0);
    cr_assert_eq(ending[1].key.sport, 1);
    cr_assert_eq(ending[3].key.sport, 5);
}

/* Of many, held against sorting all of them. */
Test(flow_table, early_eviction_of_many_is_the_longest_idle)
{
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    static EndingFlow ending[1000];
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
    cr_assert_eq(flow_table_collect_ended(table, SEC, room(100), ending, 1000), 100);
    for (unsigned i = 0; i < 100; i++) {
        unsigned older = 0;
        uint64_t mine = flow_table_get(table, &ending[i].key)->sample.last_seen_ns;

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
