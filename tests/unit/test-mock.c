/* SPDX-License-Identifier: MIT */
#include "datapath/mock.h"
#include "flow/scanner.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#define SEC 1000000000ULL

typedef struct World {
    Datapath *datapath;
    unsigned events;
    PacketEvent last;
} World;

static void on_event(const PacketEvent *event, void *userdata)
{
    World *w = userdata;

    w->events++;
    w->last = *event;
}

static void open_world(World *w, uint32_t flow_capacity, uint32_t rate, uint32_t seed)
{
    DatapathLimits limits = {.list_capacity = 4, .flow_capacity = flow_capacity};
    MockOptions options = {rate, seed};

    *w = (World){};
    cr_assert_eq(datapath_new_mock(NULL, &limits, &options, on_event, w, &w->datapath), 0);
}

static Address address(const char *text)
{
    Address a;

    cr_assert_eq(address_parse(text, &a), 0, "%s", text);
    return a;
}

static int change(World *w, ListId list, bool add, const char *prefix, uint32_t slot)
{
    ListChange c = {.list = list, .add = add, .slot = slot};

    cr_assert_eq(prefix_parse(prefix, &c.prefix, NULL), 0, "%s", prefix);
    return w->datapath->ops->apply_lists(w->datapath, &c, 1);
}

static Count counted(const World *w, Action action)
{
    Counters c;

    cr_assert_eq(w->datapath->ops->read_counters(w->datapath, &c), 0);
    return counters_of_action(&c, action);
}

static PacketEvent tcp(
        const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t flags)
{
    return (PacketEvent){.time_ns = SEC,
            .src = address(src),
            .dst = address(dst),
            .sport = sport,
            .dport = dport,
            .ifindex = 1,
            .length_bytes = 60,
            .packets = 1,
            .protocol = IPPROTO_TCP,
            .tcp_flags = flags};
}

/* The verdict on a packet, as the counters tell it. */
static Action verdict(World *w, PacketEvent packet)
{
    uint64_t before[_ACTION_MAX];

    for (int a = 0; a < _ACTION_MAX; a++)
        before[a] = counted(w, (Action)a).packets;
    datapath_mock_inject(w->datapath, &packet);
    for (int a = 0; a < _ACTION_MAX; a++)
        if (counted(w, (Action)a).packets != before[a])
            return (Action)a;
    return _ACTION_MAX;
}

Test(mock, ssh_beats_skip_beats_drop_beats_pass)
{
    World w;

    open_world(&w, 100, 0, 1);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 999, "192.0.2.2", 80, 0)), ACTION_PASS);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "192.0.2.0/24", 1), 0);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 999, "10.0.0.1", 80, 0)), ACTION_DROP);
    cr_assert_eq(verdict(&w, tcp("10.0.0.1", 999, "192.0.2.1", 80, 0)), ACTION_DROP);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 999, "10.0.0.1", 22, 0)), ACTION_SSH);
    /* The whitelist wins even by a shorter prefix. */
    cr_assert_eq(change(&w, LIST_WHITELIST, true, "192.0.0.0/8", 2), 0);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 999, "10.0.0.1", 80, 0)), ACTION_SKIP);
    cr_assert_eq(change(&w, LIST_WHITELIST, false, "192.0.0.0/8", 2), 0);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 999, "10.0.0.1", 80, 0)), ACTION_DROP);
    datapath_free(w.datapath);
}

Test(mock, source_port_of_ssh_is_no_free_ticket)
{
    World w;
    PacketEvent udp;

    open_world(&w, 100, 0, 1);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "192.0.2.1", 1), 0);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 22, "10.0.0.1", 80, TCP_FLAG_SYN)), ACTION_DROP);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 22, "10.0.0.1", 80, TCP_FLAG_SYN | TCP_FLAG_ACK)),
            ACTION_SSH);
    udp = tcp("192.0.2.1", 22, "10.0.0.1", 22, 0);
    udp.protocol = IPPROTO_UDP;
    cr_assert_eq(verdict(&w, udp), ACTION_DROP);
    cr_assert_eq(w.datapath->ops->set_ssh_ports(w.datapath, (uint16_t[]){2222}, 1), 0);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 9, "10.0.0.1", 22, 0)), ACTION_DROP);
    cr_assert_eq(verdict(&w, tcp("192.0.2.1", 9, "10.0.0.1", 2222, 0)), ACTION_SSH);
    datapath_free(w.datapath);
}

Test(mock, hits_go_to_the_longest_prefix)
{
    World w;
    Count count;

    open_world(&w, 100, 0, 1);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "192.0.2.0/24", 1), 0);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "192.0.2.7", 2), 0);
    verdict(&w, tcp("192.0.2.7", 9, "10.0.0.1", 80, 0));
    verdict(&w, tcp("192.0.2.8", 9, "10.0.0.1", 80, 0));
    verdict(&w, tcp("192.0.2.7", 9, "10.0.0.1", 80, 0));
    cr_assert_eq(w.datapath->ops->read_hits(w.datapath, 1, &count), 0);
    cr_assert_eq(count.packets, 1);
    cr_assert_eq(w.datapath->ops->read_hits(w.datapath, 2, &count), 0);
    cr_assert_eq(count.packets, 2);
    cr_assert_eq(count.bytes, 120);
    cr_assert_eq(w.datapath->ops->recycle_slots(w.datapath, (uint32_t[]){2}, 1), 0);
    cr_assert_eq(w.datapath->ops->read_hits(w.datapath, 2, &count), 0);
    cr_assert_eq(count.packets, 0);
    datapath_free(w.datapath);
}

Test(mock, all_of_ipv6_is_nothing_of_ipv4)
{
    World w;

    open_world(&w, 100, 0, 1);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "::/0", 1), 0);
    cr_assert_eq(verdict(&w, tcp("192.0.2.7", 9, "10.0.0.1", 80, 0)), ACTION_PASS);
    cr_assert_eq(verdict(&w, tcp("2001:db8::7", 9, "2001:db8::1", 80, 0)), ACTION_DROP);
    datapath_free(w.datapath);
}

Test(mock, list_changes_are_all_or_nothing)
{
    World w;
    ListChange changes[6] = {};

    open_world(&w, 100, 0, 1);
    for (unsigned i = 0; i < 6; i++) {
        Address a = address("192.0.2.1");

        a.bytes[15] = (uint8_t)i;
        changes[i] = (ListChange){LIST_BLACKLIST, true, prefix_from_address(&a), i + 1};
    }
    cr_assert_eq(w.datapath->ops->apply_lists(w.datapath, changes, 5), -ENOSPC);
    cr_assert_eq(verdict(&w, tcp("192.0.2.0", 9, "10.0.0.1", 80, 0)), ACTION_PASS);
    cr_assert_eq(w.datapath->ops->apply_lists(w.datapath, changes, 4), 0);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "192.0.2.0", 9), -EEXIST);
    cr_assert_eq(change(&w, LIST_BLACKLIST, false, "192.0.2.5", 9), -ENOENT);
    /* Removal comes back with its slot when a later change fails. */
    changes[0].add = false;
    changes[1].add = true;
    cr_assert_eq(w.datapath->ops->apply_lists(w.datapath, changes, 2), -EEXIST);
    cr_assert_eq(verdict(&w, tcp("192.0.2.0", 9, "10.0.0.1", 80, 0)), ACTION_DROP);
    datapath_free(w.datapath);
}

Test(mock, full_map_counts_untracked_until_room_is_made)
{
    World w;
    Counters c;
    FlowSample sample;
    PacketEvent first = tcp("192.0.2.1", 1, "10.0.0.1", 80, 0);
    FlowKey key = {.src = first.src,
            .dst = first.dst,
            .sport = 1,
            .dport = 80,
            .ifindex = 1,
            .protocol = IPPROTO_TCP};

    open_world(&w, 2, 0, 1);
    for (uint16_t port = 1; port <= 5; port++)
        verdict(&w, tcp("192.0.2.1", port, "10.0.0.1", 80, 0));
    verdict(&w, first);
    cr_assert_eq(w.datapath->ops->read_counters(w.datapath, &c), 0);
    cr_assert_eq(c.untracked_packets, 3);
    cr_assert_eq(counters_tracked_packets(&c), 3);
    cr_assert_eq(w.datapath->ops->end_flow(w.datapath, &key, &sample), 0);
    cr_assert_eq(sample.packets, 2);
    cr_assert_eq(w.datapath->ops->end_flow(w.datapath, &key, &sample), -ENOENT);
    verdict(&w, first);
    cr_assert_eq(w.datapath->ops->read_counters(w.datapath, &c), 0);
    cr_assert_eq(c.untracked_packets, 4, "not tried before told");
    w.datapath->ops->flows_have_room(w.datapath);
    verdict(&w, first);
    cr_assert_eq(w.datapath->ops->read_counters(w.datapath, &c), 0);
    cr_assert_eq(c.untracked_packets, 4);
    datapath_free(w.datapath);
}

Test(mock, events_keep_their_budgets)
{
    World w;
    Counters c;

    open_world(&w, 100, 0, 1);
    cr_assert_eq(change(&w, LIST_BLACKLIST, true, "192.0.2.1", 1), 0);
    verdict(&w, tcp("192.0.2.2", 1, "10.0.0.1", 80, 0));
    cr_assert_eq(w.events, 0, "not enabled");
    w.datapath->ops->set_events(w.datapath, true, (EventBudget){600, 120});
    for (int i = 0; i < 50; i++)
        verdict(&w, tcp("192.0.2.2", 1, "10.0.0.1", 80, 0));
    cr_assert_eq(w.events, 10, "600/s is 10 in a slice of 16.8 ms, got %u", w.events);
    verdict(&w, tcp("192.0.2.1", 1, "10.0.0.1", 80, 0));
    cr_assert_eq(w.events, 11, "drops have a budget of their own");
    cr_assert_eq(w.last.action, ACTION_DROP);
    cr_assert_eq(w.datapath->ops->read_counters(w.datapath, &c), 0);
    cr_assert_eq(c.events_suppressed_packets[ACTION_PASS], 40);
    cr_assert_eq(c.events_shown_packets, 11);
    datapath_free(w.datapath);
}

Test(mock, attachments)
{
    World w;
    size_t n;
    const Attachment *items;

    open_world(&w, 100, 100, 1);
    datapath_mock_advance(w.datapath, 5 * SEC, SEC);
    cr_assert_eq(counted(&w, ACTION_PASS).packets, 0, "no interface, no traffic");
    cr_assert_eq(w.datapath->ops->attach(w.datapath, 3, "eth0"), 0);
    cr_assert_eq(w.datapath->ops->attach(w.datapath, 3, "eth0"), -EALREADY);
    cr_assert_eq(w.datapath->ops->verify(w.datapath, 3), 0);
    items = w.datapath->ops->attachments(w.datapath, &n);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(items[0].interface, "eth0");
    cr_assert(items[0].attached[DIRECTION_INGRESS] && items[0].attached[DIRECTION_EGRESS]);
    cr_assert_eq(w.datapath->ops->detach(w.datapath, 3), 0);
    cr_assert_eq(w.datapath->ops->detach(w.datapath, 3), -ENOENT);
    datapath_free(w.datapath);
}

static void run(World *w, uint64_t seconds, uint64_t tick_ns)
{
    for (uint64_t t = tick_ns; t <= seconds * SEC; t += tick_ns)
        datapath_mock_advance(w->datapath, 100 * SEC + t, tick_ns);
}

Test(mock, same_seed_same_traffic_whatever_the_ticks)
{
    World a, b, c;
    Counters x, y, z;

    open_world(&a, 65536, 1000, 7);
    open_world(&b, 65536, 1000, 7);
    open_world(&c, 65536, 1000, 8);
    a.datapath->ops->attach(a.datapath, 1, "a");
    b.datapath->ops->attach(b.datapath, 1, "b");
    c.datapath->ops->attach(c.datapath, 1, "c");
    run(&a, 10, SEC / 20);
    run(&b, 10, SEC / 4);
    run(&c, 10, SEC / 4);
    a.datapath->ops->read_counters(a.datapath, &x);
    b.datapath->ops->read_counters(b.datapath, &y);
    c.datapath->ops->read_counters(c.datapath, &z);
    cr_assert_eq(memcmp(&x, &y, sizeof(x)), 0);
    cr_assert_neq(memcmp(&x, &z, sizeof(x)), 0);
    cr_assert_eq(counters_total(&x).packets, 10000);
    datapath_free(a.datapath);
    datapath_free(b.datapath);
    datapath_free(c.datapath);
}

typedef struct Seen {
    bool port[65536];
    unsigned scanned, floods, ssh, dns, ipv6;
} Seen;

static void look(const FlowSample *s, Seen *seen)
{
    Address scanner = address("198.51.100.66");

    seen->ssh += s->action == ACTION_SSH;
    seen->dns += s->key.protocol == IPPROTO_UDP && s->key.dport == 53;
    seen->ipv6 += !address_is_ipv4(&s->key.src);
    seen->floods += s->key.dport == 80 && s->packets == 1 && s->tcp_flags == TCP_FLAG_SYN;
    if (address_equal(&s->key.src, &scanner) && !seen->port[s->key.dport]) {
        seen->port[s->key.dport] = true;
        seen->scanned++;
    }
}

Test(mock, a_minute_has_all_the_story)
{
    World w;
    Counters c;
    FlowSample samples[100];
    Seen *seen = calloc(1, sizeof(*seen));
    uint64_t flow_packets = 0;
    int n;

    open_world(&w, 65536, 1000, 3);
    w.datapath->ops->attach(w.datapath, 1, "mock0");
    run(&w, 60, SEC / 20);
    cr_assert_eq(w.datapath->ops->scan_begin(w.datapath), 0);
    while ((n = w.datapath->ops->scan_next(w.datapath, samples, 100)) > 0)
        for (int i = 0; i < n; i++) {
            flow_packets += samples[i].packets;
            look(&samples[i], seen);
        }
    w.datapath->ops->read_counters(w.datapath, &c);
    cr_assert_eq(flow_packets, counters_tracked_packets(&c));
    for (int p = 0; p < _PROTOCOL_MAX; p++)
        if (p != PROTOCOL_OTHER)
            cr_assert_gt(counters_of_protocol(&c, (ProtocolClass)p).packets, 0, "%s",
                    protocol_class_name((ProtocolClass)p));
    cr_assert_gt(seen->scanned, 200);
    cr_assert_gt(seen->floods, 200);
    cr_assert_gt(seen->ssh, 0);
    cr_assert_gt(seen->dns, 50);
    cr_assert_gt(seen->ipv6, 20);
    free(seen);
    datapath_free(w.datapath);
}

/* Ten minutes through a small map: floods fill it, flows are ended early, and every packet stays
 * accounted for after each scan. */
Test(mock, self_check_holds_through_floods)
{
    FlowTimeouts timeouts = {120 * SEC, 30 * SEC, 1800 * SEC, 5 * SEC};
    _cleanup_(flow_table_freep) FlowTable *table = NULL;
    _cleanup_(scanner_freep) Scanner *scanner = NULL;
    ScanResult result;
    World w;

    open_world(&w, 500, 1000, 3);
    w.datapath->ops->attach(w.datapath, 1, "mock0");
    cr_assert_eq(flow_table_new(500, &timeouts, NULL, NULL, &table), 0);
    cr_assert_eq(scanner_new(w.datapath, table, &scanner), 0);
    for (uint64_t t = 1; t <= 600; t++) {
        uint64_t now_ns = (100 + t) * SEC;

        datapath_mock_advance(w.datapath, now_ns, SEC / 2);
        cr_assert_eq(scanner_begin(scanner, now_ns), 0);
        while (scanner_step(scanner, now_ns, &result) == 1)
            datapath_mock_advance(w.datapath, now_ns, SEC / 10);
        cr_assert_eq(result.drift_packets, 0, "second %u", (unsigned)t);
    }
    cr_assert_gt(result.counters.untracked_packets, 0);
    cr_assert_gt(flow_table_totals(table)->ended[FLOW_END_EARLY], 0);
    cr_assert_gt(flow_table_totals(table)->ended[FLOW_END_IDLE], 0);
    cr_assert_gt(flow_table_totals(table)->ended[FLOW_END_CLOSED], 0);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 0);
    cr_assert_eq(flow_table_totals(table)->refused, 0);
    datapath_free(w.datapath);
}

static int stop(sd_event_source *source, uint64_t usec, void *userdata)
{
    return sd_event_exit(userdata, 0);
}

Test(mock, runs_on_an_event_loop)
{
    DatapathLimits limits = {.list_capacity = 4, .flow_capacity = 1000};
    MockOptions options = {.packets_per_second = 2000};
    World w = {};
    sd_event *event = NULL;

    cr_assert_geq(sd_event_new(&event), 0);
    cr_assert_eq(datapath_new_mock(event, &limits, &options, on_event, &w, &w.datapath), 0);
    w.datapath->ops->attach(w.datapath, 1, "mock0");
    w.datapath->ops->set_events(w.datapath, true, (EventBudget){100000, 100000});
    cr_assert_geq(
            sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 300000, 0, stop, event), 0);
    cr_assert_geq(sd_event_loop(event), 0);
    cr_assert_gt(w.events, 100);
    datapath_free(w.datapath);
    sd_event_unref(event);
}
