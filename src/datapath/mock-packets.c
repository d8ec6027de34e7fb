/* SPDX-License-Identifier: MIT */
/* What the kernel program does with a packet, in its order: verdict, flow (or untracked), counters,
 * event. */

#include "datapath/mock-internal.h"

#include <netinet/in.h>

#define SLICE_SHIFT 24 /* of time, for the budgets: 16.8 ms, as the kernel program's */

/* --- verdict */

static bool is_ssh_port(const Mock *mock, uint16_t port)
{
    return mock->ssh_ports[port / 8] & 1 << port % 8;
}

/* Without the exception for a pure SYN, whoever sends *from* port 22 would reach any port. */
static bool is_ssh(const Mock *mock, const PacketEvent *packet)
{
    bool pure_syn = (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;

    return packet->protocol == IPPROTO_TCP &&
           (is_ssh_port(mock, packet->dport) || (is_ssh_port(mock, packet->sport) && !pure_syn));
}

static uint32_t lookup(const Mock *mock, ListId list, const PacketEvent *packet)
{
    uint32_t slot = mock_list_lookup(&mock->lists[list], &packet->src);

    return slot ? slot : mock_list_lookup(&mock->lists[list], &packet->dst);
}

static Action judge(const Mock *mock, const PacketEvent *packet, uint32_t *ret_slot)
{
    *ret_slot = SLOT_NONE;
    if (is_ssh(mock, packet))
        return ACTION_SSH;
    *ret_slot = lookup(mock, LIST_WHITELIST, packet);
    if (*ret_slot)
        return ACTION_SKIP;
    *ret_slot = lookup(mock, LIST_BLACKLIST, packet);
    return *ret_slot ? ACTION_DROP : ACTION_PASS;
}

/* --- flows */

static FlowKey key_of(const PacketEvent *packet)
{
    FlowKey key = {.src = packet->src,
            .dst = packet->dst,
            .ifindex = packet->ifindex,
            .protocol = packet->protocol,
            .direction = packet->direction};

    if (packet->protocol != IPPROTO_ICMP && packet->protocol != IPPROTO_ICMPV6) {
        key.sport = packet->sport;
        key.dport = packet->dport;
    }
    return key;
}

static MockFlow *find(const Mock *mock, const FlowKey *key)
{
    MockFlow *flow;

    HASH_FIND(hh, mock->flows, key, sizeof(*key), flow);
    return flow;
}

/* A full map is not tried again until user space made room. */
static MockFlow *create(Mock *mock, const FlowKey *key, uint64_t now_ns)
{
    MockFlow *flow;

    if (HASH_COUNT(mock->flows) >= mock->limits.flow_capacity)
        mock->flows_full = true;
    if (mock->flows_full)
        return NULL;
    flow = calloc(1, sizeof(*flow));
    if (!flow)
        return NULL;
    flow->sample.key = *key;
    flow->sample.first_seen_ns = now_ns;
    HASH_ADD(hh, mock->flows, sample.key, sizeof(FlowKey), flow);
    if (hash_added(flow))
        return flow;
    free(flow);
    return NULL;
}

static void flow_add(FlowSample *sample, const PacketEvent *packet, Action action)
{
    sample->packets += packet->packets;
    sample->bytes += packet->length_bytes;
    sample->last_seen_ns = MAX_OF(sample->last_seen_ns, packet->time_ns);
    sample->action = (uint8_t)action;
    if (packet->protocol != IPPROTO_TCP)
        return;
    if (packet->tcp_flags & TCP_FLAG_SYN)
        sample->syn_packets += packet->packets;
    if (packet->tcp_flags & TCP_FLAG_ACK)
        sample->ack_packets += packet->packets;
    sample->tcp_flags |= packet->tcp_flags;
}

int mock_scan_begin(Datapath *datapath)
{
    Mock *mock = (Mock *)datapath;

    mock->scan_next = mock->flows;
    return 0;
}

/* New flows are appended behind the place where the scan stands. */
int mock_scan_next(Datapath *datapath, FlowSample *samples, size_t max)
{
    Mock *mock = (Mock *)datapath;
    size_t n = 0;

    for (; mock->scan_next && n < max; mock->scan_next = mock->scan_next->hh.next)
        samples[n++] = mock->scan_next->sample;
    return (int)n;
}

static void drop_flow(Mock *mock, MockFlow *flow)
{
    if (mock->scan_next == flow)
        mock->scan_next = flow->hh.next;
    HASH_DEL(mock->flows, flow);
    free(flow);
}

int mock_end_flow(Datapath *datapath, const FlowKey *key, FlowSample *ret)
{
    Mock *mock = (Mock *)datapath;
    MockFlow *flow = find(mock, key);

    if (!flow)
        return -ENOENT;
    *ret = flow->sample;
    drop_flow(mock, flow);
    return 0;
}

void mock_flows_have_room(Datapath *datapath)
{
    ((Mock *)datapath)->flows_full = false;
}

void mock_flows_clear(Mock *mock)
{
    MockFlow *flow, *next;

    HASH_ITER(hh, mock->flows, flow, next) {
        drop_flow(mock, flow);
    }
}

/* --- events */

static uint32_t per_slice(uint32_t per_second)
{
    return (uint32_t)(((uint64_t)per_second << SLICE_SHIFT) / 1000000000ULL);
}

int mock_set_events(Datapath *datapath, bool enabled, EventBudget budget)
{
    Mock *mock = (Mock *)datapath;

    mock->events_enabled = enabled;
    mock->budget.per_slice = per_slice(budget.packets_per_second);
    mock->drop_budget.per_slice = per_slice(budget.drop_packets_per_second);
    return 0;
}

static bool budget_take(MockBudget *budget, uint64_t now_ns)
{
    uint64_t slice = now_ns >> SLICE_SHIFT;

    if (budget->slice != slice) {
        budget->slice = slice;
        budget->used = 0;
    }
    if (budget->used >= budget->per_slice)
        return false;
    budget->used++;
    return true;
}

static void show(Mock *mock, const PacketEvent *packet)
{
    MockBudget *budget = packet->action == ACTION_DROP ? &mock->drop_budget : &mock->budget;

    if (!mock->events_enabled || !mock->on_event)
        return;
    if (!budget_take(budget, packet->time_ns)) {
        mock->counters.events_suppressed_packets[packet->action] += packet->packets;
        return;
    }
    mock->counters.events_shown_packets += packet->packets;
    mock->on_event(packet, mock->userdata);
}

/* --- a packet */

static void count(Mock *mock, ProtocolClass class, const PacketEvent *packet, Action action)
{
    Count *sum = &mock->counters.by[class][packet->direction][action];

    sum->packets += packet->packets;
    sum->bytes += packet->length_bytes;
}

static void count_hit(Mock *mock, uint32_t slot, const PacketEvent *packet)
{
    if (slot == SLOT_NONE)
        return;
    mock->hits[slot].packets += packet->packets;
    mock->hits[slot].bytes += packet->length_bytes;
}

Action mock_packet(Mock *mock, const PacketEvent *packet)
{
    FlowKey key = key_of(packet);
    PacketEvent shown = *packet;
    uint32_t slot;
    Action action = judge(mock, packet, &slot);
    MockFlow *flow = find(mock, &key);

    if (!flow)
        flow = create(mock, &key, packet->time_ns);
    count(mock, protocol_class_of(packet->protocol), packet, action);
    if (flow)
        flow_add(&flow->sample, packet, action);
    else
        mock->counters.untracked_packets += packet->packets;
    count_hit(mock, slot, packet);
    shown.sport = key.sport;
    shown.dport = key.dport;
    shown.action = (uint8_t)action;
    show(mock, &shown);
    return action;
}

void mock_frame_nonip(Mock *mock, Direction direction, uint32_t length_bytes)
{
    PacketEvent frame = {
            .direction = (uint8_t)direction, .length_bytes = length_bytes, .packets = 1};

    count(mock, PROTOCOL_NONIP, &frame, ACTION_PASS);
}
