/* SPDX-License-Identifier: MIT */
/* What is known of each address. */

#include "stats/stats.h"
#include "stats/window.h"

#include <criterion/criterion.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#define SEC 1000000000ULL

static Address host(uint32_t n)
{
    return address_from_in((struct in_addr){htonl(0x0a000000U + n)});
}

static void add(Stats *stats, uint32_t src, uint32_t dst, uint16_t dport, uint64_t packets,
        Action action, uint64_t now_ns)
{
    FlowKey key = {.src = host(src), .dst = host(dst), .dport = dport, .protocol = IPPROTO_TCP};
    FlowDelta delta = {.key = &key,
            .packets = packets,
            .bytes = packets * 100,
            .syn_packets = 1,
            .ack_packets = packets - 1,
            .action = action};

    stats_add_delta(stats, &delta, now_ns);
}

static Talker talker(const Stats *stats, uint32_t n, uint64_t now_ns)
{
    Address address = host(n);
    Talker t = {};

    cr_assert(stats_talker(stats, &address, now_ns, &t), "host %u", n);
    return t;
}

Test(stats, counts_both_ends_but_ports_and_flags_of_the_sender)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Talker a, b;

    cr_assert_eq(stats_new(10, 0, &stats), 0);
    add(stats, 1, 2, 80, 10, ACTION_PASS, 10 * SEC);
    add(stats, 1, 2, 81, 10, ACTION_DROP, 10 * SEC);
    a = talker(stats, 1, 10 * SEC);
    b = talker(stats, 2, 10 * SEC);
    cr_assert_eq(a.packets, 20);
    cr_assert_eq(a.bytes, 2000);
    cr_assert_eq(a.dropped_packets, 10);
    cr_assert_eq(a.unique_dst_ports, 2);
    cr_assert_eq(a.syn_count, 2);
    cr_assert_eq(a.ack_count, 18);
    cr_assert_eq(a.last_seen_ns, 10 * SEC);
    cr_assert_float_eq(a.packets_per_second, 2.0, 1e-9, "20 in the 10 s since start");
    cr_assert_eq(b.packets, 20);
    cr_assert_eq(b.dropped_packets, 10);
    cr_assert_eq(b.unique_dst_ports + b.syn_count + b.ack_count, 0);
    cr_assert_eq(stats_active_addresses(stats, 10 * SEC), 2);
}

Test(stats, talking_to_oneself_counts_once)
{
    _cleanup_(stats_freep) Stats *stats = NULL;

    cr_assert_eq(stats_new(10, 0, &stats), 0);
    add(stats, 1, 1, 80, 10, ACTION_PASS, SEC);
    cr_assert_eq(talker(stats, 1, SEC).packets, 10);
}

Test(stats, steady_traffic_has_its_true_rate_at_any_time)
{
    _cleanup_(stats_freep) Stats *stats = NULL;

    cr_assert_eq(stats_new(10, 100 * SEC, &stats), 0);
    for (uint64_t t = 101; t < 400; t++) {
        add(stats, 1, 2, 80, 50, ACTION_PASS, t * SEC - 1);
        if (t > 105)
            cr_assert_float_eq(talker(stats, 1, t * SEC - 1).packets_per_second, 50.0, 1.0, "%f",
                    talker(stats, 1, t * SEC - 1).packets_per_second);
    }
}

Test(stats, idle_addresses_go_and_make_room)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Address first = host(1);
    Talker t;

    cr_assert_eq(stats_new(4, 0, &stats), 0);
    add(stats, 1, 2, 80, 1, ACTION_PASS, 5 * SEC);
    add(stats, 3, 4, 80, 1, ACTION_PASS, 10 * SEC);
    add(stats, 5, 6, 80, 7, ACTION_PASS, 11 * SEC);
    cr_assert_eq(stats_untracked_address_packets(stats), 14, "no room for either end");
    cr_assert_not(stats_talker(stats, &first, 65 * SEC, &t));
    cr_assert_eq(stats_active_addresses(stats, 65 * SEC), 2);
    add(stats, 5, 6, 80, 7, ACTION_PASS, 65 * SEC);
    cr_assert_eq(stats_untracked_address_packets(stats), 14);
    cr_assert_eq(talker(stats, 5, 65 * SEC).packets, 7);
    cr_assert_eq(stats_active_addresses(stats, 65 * SEC), 4);
    cr_assert_eq(stats_active_addresses(stats, 200 * SEC), 0);
}

/* --- against a naive computation that remembers every packet */

typedef struct Event {
    uint64_t time_ns;
    uint32_t src, dst;
    uint16_t dport;
    uint64_t packets;
    Action action;
} Event;

#define HOSTS  12
#define EVENTS 6000

static uint32_t naive_ports(const Event *events, size_t n, uint32_t h, uint64_t from_ns)
{
    static bool seen[65536];
    uint32_t ports = 0;

    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < n; i++)
        if (events[i].time_ns >= from_ns && events[i].src == h && !seen[events[i].dport]) {
            seen[events[i].dport] = true;
            ports++;
        }
    return ports;
}

static void compare(const Stats *stats, const Event *events, size_t n, uint32_t h, uint64_t now_ns)
{
    /* The running bucket of 5 s and the eleven before it. */
    uint64_t from_ns = now_ns / (5 * SEC) < 11 ? 0 : (now_ns / (5 * SEC) - 11) * 5 * SEC;
    uint64_t packets = 0, dropped = 0, syn = 0;
    Address address = host(h);
    Talker t = {};
    bool found = stats_talker(stats, &address, now_ns, &t);

    for (size_t i = 0; i < n; i++) {
        if (events[i].time_ns < from_ns || (events[i].src != h && events[i].dst != h))
            continue;
        packets += events[i].packets;
        dropped += events[i].action == ACTION_DROP ? events[i].packets : 0;
        syn += events[i].src == h;
    }
    cr_assert_eq(found, packets > 0);
    cr_assert_eq(t.packets, packets);
    cr_assert_eq(t.bytes, packets * 100);
    cr_assert_eq(t.dropped_packets, dropped);
    cr_assert_eq(t.syn_count, syn);
    cr_assert_eq(t.unique_dst_ports, naive_ports(events, n, h, from_ns));
}

/* Who asks for all has the table move on to that time. */
static void compare_all(const Stats *stats, const Event *events, size_t n, uint64_t now_ns)
{
    Talker top[HOSTS];
    size_t count = stats_talkers(stats, TALKER_BY_PORTS, now_ns, top, HOSTS);

    cr_assert_eq(count, stats_active_addresses(stats, now_ns));
    for (uint32_t h = 0; h < HOSTS; h++)
        compare(stats, events, n, h, now_ns);
    for (size_t i = 0; i < count; i++) {
        Talker one = {};

        cr_assert(stats_talker(stats, &top[i].address, now_ns, &one));
        cr_assert_eq(one.unique_dst_ports, top[i].unique_dst_ports);
        cr_assert_eq(one.last_seen_ns, top[i].last_seen_ns);
    }
}

Test(stats, window_agrees_with_a_naive_computation)
{
    static Event events[EVENTS];
    _cleanup_(stats_freep) Stats *stats = NULL;
    uint64_t now_ns = 1000 * SEC;
    unsigned seed = 42;

    cr_assert_eq(stats_new(HOSTS, now_ns, &stats), 0);
    for (size_t i = 0; i < EVENTS; i++) {
        /* Bursts and pauses, now and then longer than a window. */
        uint64_t pause = (uint64_t)rand_r(&seed) % (i % 500 == 0 ? 90 * SEC : SEC / 3);

        now_ns += pause;
        events[i] = (Event){.time_ns = now_ns,
                .src = (uint32_t)rand_r(&seed) % HOSTS,
                .dst = (uint32_t)rand_r(&seed) % HOSTS,
                .dport = (uint16_t)(1 + rand_r(&seed) % 60),
                .packets = 1 + (uint64_t)rand_r(&seed) % 9,
                .action = (Action)(rand_r(&seed) % _ACTION_MAX)};
        add(stats, events[i].src, events[i].dst, events[i].dport, events[i].packets,
                events[i].action, now_ns);
        if (i % 37 == 0)
            compare(stats, events, i + 1, (uint32_t)rand_r(&seed) % HOSTS,
                    now_ns + (uint64_t)rand_r(&seed) % (20 * SEC));
        if (i % 53 == 0)
            compare_all(stats, events, i + 1, now_ns);
    }
    cr_assert_eq(stats_untracked_address_packets(stats), 0);
}

/* A scan that began before somebody asked may add what is older than that. */
Test(stats, who_asks_ahead_loses_nothing)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Talker top[4];

    cr_assert_eq(stats_new(4, 0, &stats), 0);
    add(stats, 1, 2, 80, 10, ACTION_PASS, 99 * SEC);
    cr_assert_eq(stats_talkers(stats, TALKER_BY_PACKETS, 100 * SEC, top, 4), 2);
    add(stats, 1, 2, 81, 5, ACTION_DROP, 99 * SEC);
    cr_assert_eq(talker(stats, 1, 100 * SEC).packets, 15);
    cr_assert_eq(talker(stats, 1, 100 * SEC).unique_dst_ports, 2);
    add(stats, 1, 2, 80, 1, ACTION_PASS, 110 * SEC);
    cr_assert_eq(talker(stats, 1, 154 * SEC).packets, 16);
    cr_assert_eq(talker(stats, 1, 155 * SEC).packets, 1, "what was late goes with its time");
    cr_assert_eq(stats_talkers(stats, TALKER_BY_PACKETS, 170 * SEC, top, 4), 0);
    add(stats, 1, 2, 80, 3, ACTION_PASS, 111 * SEC);
    cr_assert_eq(stats_talkers(stats, TALKER_BY_PACKETS, 170 * SEC, top, 4), 0, "too late");
}

Test(stats, slots_are_used_again_and_are_clean)
{
    _cleanup_(stats_freep) Stats *stats = NULL;

    cr_assert_eq(stats_new(4, 0, &stats), 0);
    for (uint32_t round = 0; round < 20; round++) {
        uint64_t now_ns = (100 + round * 61) * SEC;

        for (uint16_t p = 1; p <= 100; p++)
            add(stats, 10 * round, 10 * round + 1, p, 1, ACTION_DROP, now_ns);
        add(stats, 10 * round + 2, 10 * round + 3, 7, 1, ACTION_PASS, now_ns);
        cr_assert_eq(stats_untracked_address_packets(stats), 0);
        cr_assert_eq(talker(stats, 10 * round, now_ns).dropped_packets, 100);
        cr_assert_eq(talker(stats, 10 * round + 2, now_ns).unique_dst_ports, 1);
        cr_assert_eq(talker(stats, 10 * round + 3, now_ns).unique_dst_ports, 0);
        cr_assert_eq(talker(stats, 10 * round + 3, now_ns).dropped_packets, 0);
    }
}

/* --- top N */

static uint64_t of(const Talker *t, TalkerOrder order)
{
    const uint64_t values[_TALKER_ORDER_MAX] = {
            t->packets, t->bytes, t->unique_dst_ports, t->syn_count, t->dropped_packets};

    return values[order];
}

Test(stats, talkers_are_in_order_whatever_the_order)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    static Talker all[2000], top[10];
    unsigned seed = 7;

    cr_assert_eq(stats_new(2000, 0, &stats), 0);
    for (unsigned i = 0; i < 5000; i++)
        add(stats, (uint32_t)rand_r(&seed) % 1000, 5000, (uint16_t)(1 + rand_r(&seed) % 50),
                1 + (uint64_t)rand_r(&seed) % 20, (Action)(rand_r(&seed) % 4), SEC);
    for (int o = 0; o < _TALKER_ORDER_MAX; o++) {
        TalkerOrder order = (TalkerOrder)o;
        size_t n = stats_talkers(stats, order, SEC, all, 2000);

        cr_assert_eq(n, stats_active_addresses(stats, SEC));
        for (size_t i = 1; i < n; i++) {
            cr_assert_geq(of(&all[i - 1], order), of(&all[i], order));
            if (of(&all[i - 1], order) == of(&all[i], order))
                cr_assert_lt(address_compare(&all[i - 1].address, &all[i].address), 0);
        }
        cr_assert_eq(stats_talkers(stats, order, SEC, top, 10), 10);
        for (size_t i = 0; i < 10; i++)
            cr_assert(address_equal(&top[i].address, &all[i].address), "%zu", i);
        cr_assert_eq(top[3].unique_dst_ports, all[3].unique_dst_ports);
    }
    cr_assert_eq(stats_talkers(stats, TALKER_BY_BYTES, SEC, top, 0), 0);
    cr_assert_eq(stats_talkers(stats, TALKER_BY_BYTES, 100 * SEC, top, 10), 0);
}

Test(stats, time_that_steps_back_breaks_nothing)
{
    _cleanup_(stats_freep) Stats *stats = NULL;

    cr_assert_eq(stats_new(10, 500 * SEC, &stats), 0);
    add(stats, 1, 2, 80, 10, ACTION_PASS, 600 * SEC);
    add(stats, 1, 2, 80, 10, ACTION_PASS, 10 * SEC);
    cr_assert_eq(talker(stats, 1, 600 * SEC).packets, 20);
}

Test(stats, refuses_to_hold_nothing)
{
    Stats *stats = NULL;

    cr_assert_eq(stats_new(0, 0, &stats), -EINVAL);
    cr_assert_null(stats);
    cr_assert_null(stats_free(NULL));
}
