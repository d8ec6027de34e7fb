/* SPDX-License-Identifier: MIT */
/* Flows and talkers as rows of a{sv}, with the names and values of the HTTP API. The flow table may
 * hold hundreds of thousands, so it is not sorted: a heap keeps the best seen so far, the worst of
 * them on top. */

#include "bus/bus-internal.h"

#include "base/clock.h"

#include <string.h>

/* The monotonic clock's past, in words of the wall clock. */
static const char *format_time(uint64_t monotonic_ns, char buffer[static TIME_TEXT_MAX])
{
    uint64_t now = clock_monotonic_ns(), age = now > monotonic_ns ? now - monotonic_ns : 0;
    uint64_t wall = clock_wall_ns();

    return time_format_rfc3339(wall > age ? wall - age : 0, buffer);
}

/* --- flows
 * ------------------------------------------------------------------------------------------ */

typedef struct Top {
    const Flow *heap[ROWS_MAX];
    size_t n, max;
} Top;

/* Ties by key, so that equal tables give equal answers. */
static bool comes_before(const Flow *a, const Flow *b)
{
    if (a->sample.packets != b->sample.packets)
        return a->sample.packets > b->sample.packets;
    return memcmp(&a->sample.key, &b->sample.key, sizeof(FlowKey)) < 0;
}

static int compare(const void *a, const void *b)
{
    return comes_before(*(const Flow *const *)a, *(const Flow *const *)b) ? -1 : 1;
}

/* Puts `flow` on top and lets it sink below all that come before it. */
static void replace_worst(Top *top, const Flow *flow)
{
    size_t i = 0;

    for (size_t child = 1; child < top->n; child = 2 * i + 1) {
        if (child + 1 < top->n && comes_before(top->heap[child], top->heap[child + 1]))
            child++;
        if (comes_before(top->heap[child], flow))
            break;
        top->heap[i] = top->heap[child];
        i = child;
    }
    top->heap[i] = flow;
}

static void add(Top *top, const Flow *flow)
{
    size_t i = top->n++;

    for (; i > 0 && comes_before(top->heap[(i - 1) / 2], flow); i = (i - 1) / 2)
        top->heap[i] = top->heap[(i - 1) / 2];
    top->heap[i] = flow;
}

static bool on_flow(const Flow *flow, void *userdata)
{
    Top *top = userdata;

    if (top->n < top->max)
        add(top, flow);
    else if (top->n > 0 && comes_before(flow, top->heap[0]))
        replace_worst(top, flow);
    return true;
}

static int append_flow(sd_bus_message *m, const Stats *stats, const Flow *flow)
{
    const FlowSample *s = &flow->sample;
    char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX];
    char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

    /* clang-format off */
    return sd_bus_message_append(m, "a{sv}", 16,
            "src", "s", address_format(&s->key.src, src),
            "sport", "q", s->key.sport,
            "dst", "s", address_format(&s->key.dst, dst),
            "dport", "q", s->key.dport,
            "proto", "s", protocol_class_name(protocol_class_of(s->key.protocol)),
            "proto_number", "y", s->key.protocol,
            "direction", "s", direction_name((Direction)s->key.direction),
            "interface", "s", stats_interface_name(stats, s->key.ifindex),
            "action", "s", action_name((Action)s->action),
            "packets", "t", s->packets,
            "bytes", "t", s->bytes,
            "packets_per_second", "d", (double)flow->packets_per_second_milli / 1000,
            "bytes_per_second", "d", (double)flow->bytes_per_second,
            "flags", "s", tcp_flags_format(s->tcp_flags, flags),
            "first_seen", "s", format_time(s->first_seen_ns, first),
            "last_seen", "s", format_time(s->last_seen_ns, last));
    /* clang-format on */
}

int append_flows(sd_bus_message *m, const BusContext *context, uint32_t limit)
{
    Top top = {.max = limit && limit < ROWS_MAX ? limit : ROWS_MAX};
    int r = sd_bus_message_open_container(m, 'a', "a{sv}");

    flow_table_foreach(context->flows, on_flow, &top);
    qsort(top.heap, top.n, sizeof(top.heap[0]), compare);
    for (size_t i = 0; i < top.n && r >= 0; i++)
        r = append_flow(m, context->stats, top.heap[i]);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

/* --- talkers
 * ---------------------------------------------------------------------------------------- */

static int append_talker(sd_bus_message *m, const Talker *talker)
{
    char ip[ADDRESS_TEXT_MAX], last[TIME_TEXT_MAX];

    /* clang-format off */
    return sd_bus_message_append(m, "a{sv}", 10,
            "ip", "s", address_format(&talker->address, ip),
            "packets_per_second", "d", talker->packets_per_second,
            "bytes_per_second", "d", talker->bytes_per_second,
            "packets", "t", talker->packets,
            "bytes", "t", talker->bytes,
            "dropped_packets", "t", talker->dropped_packets,
            "unique_dst_ports", "u", talker->unique_dst_ports,
            "syn_count", "t", talker->syn_count,
            "ack_count", "t", talker->ack_count,
            "last_seen", "s", format_time(talker->last_seen_ns, last));
    /* clang-format on */
}

int append_talkers(sd_bus_message *m, const BusContext *context, uint32_t limit)
{
    size_t max = limit && limit < ROWS_MAX ? limit : ROWS_MAX, n;
    _cleanup_free_ Talker *talkers = calloc(max, sizeof(*talkers));
    int r;

    if (!talkers)
        return -ENOMEM;
    n = stats_talkers(context->stats, TALKER_BY_PACKETS, clock_monotonic_ns(), talkers, max);
    r = sd_bus_message_open_container(m, 'a', "a{sv}");
    for (size_t i = 0; i < n && r >= 0; i++)
        r = append_talker(m, &talkers[i]);
    return r < 0 ? r : sd_bus_message_close_container(m);
}
