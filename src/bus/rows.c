/* SPDX-License-Identifier: MIT */
/* Flows and talkers as rows of a{sv}, with the names and values of the HTTP API. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/text.h"
#include "flow/flow-rank.h"

static const char *format_time(uint64_t monotonic_ns, char buffer[static TIME_TEXT_MAX])
{
    return time_format_rfc3339(clock_wall_of_monotonic_ns(monotonic_ns), buffer);
}

/* --- flows */

static bool on_flow(const Flow *flow, void *userdata)
{
    top_offer(userdata, &flow);
    return true;
}

static int append_flow(sd_bus_message *m, const Stats *stats, const Flow *flow)
{
    const FlowSample *s = &flow->sample;
    char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX];
    char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX], name[INTERFACE_NAME_MAX];

    /* clang-format off */
    return sd_bus_message_append(m, "a{sv}", 16,
            "src", "s", address_format(&s->key.src, src),
            "sport", "q", s->key.sport,
            "dst", "s", address_format(&s->key.dst, dst),
            "dport", "q", s->key.dport,
            "proto", "s", protocol_class_name(protocol_class_of(s->key.protocol)),
            "proto_number", "y", s->key.protocol,
            "direction", "s", direction_name((Direction)s->key.direction),
            "interface", "s",
            text_to_utf8(stats_interface_name(stats, s->key.ifindex), name, sizeof(name)),
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
    const Flow *flows[ROWS_MAX];
    FlowRank rank = FLOW_BY_PACKETS;
    Top top = flow_top(flows, limit && limit < ROWS_MAX ? limit : ROWS_MAX, &rank);
    int r = sd_bus_message_open_container(m, 'a', "a{sv}");

    flow_table_foreach(context->flows, on_flow, &top);
    top_sort(&top);
    for (size_t i = 0; i < top.count && r >= 0; i++)
        r = append_flow(m, context->stats, flows[i]);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

/* --- talkers */

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
