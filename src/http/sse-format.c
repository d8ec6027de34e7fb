/* SPDX-License-Identifier: MIT */
#include "http/sse-format.h"

#include "http/alert-json.h"

#include "base/clock.h"

void sse_format_gap(TextBuffer *text, uint64_t packets)
{
    text_append(text, "event: gap\ndata: {\"packets\":");
    if (packets > 0)
        text_append_uint64(text, packets);
    else
        text_append(text, "null");
    text_append(text, "}\n\n");
}

void sse_format_alert(TextBuffer *text, const Alert *alert)
{
    JsonOut out = {.text = text};

    text_append(text, "event: alert\ndata: ");
    alert_json(&out, alert);
    text_append(text, "\n\n");
}

static void out_packet(
        JsonOut *out, uint64_t seq, const PacketEvent *p, uint64_t wall_ns, const Stats *stats)
{
    char text[ADDRESS_TEXT_MAX + TIME_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX];

    json_out_string(out, "time", time_format_clock(wall_ns, text));
    json_out_uint64(out, "seq", seq);
    json_out_string(out, "src", address_format(&p->src, text));
    json_out_string(out, "dst", address_format(&p->dst, text));
    json_out_string(out, "proto", protocol_class_name(protocol_class_of(p->protocol)));
    json_out_string(out, "action", action_name((Action)p->action));
    json_out_string(out, "direction", direction_name((Direction)p->direction));
    json_out_string(out, "ts", time_format_rfc3339(wall_ns, text));
    json_out_uint64(out, "sport", p->sport);
    json_out_uint64(out, "dport", p->dport);
    json_out_uint64(out, "len", p->length_bytes);
    json_out_uint64(out, "packets", p->packets);
    json_out_string(out, "flags", tcp_flags_format(p->tcp_flags, flags));
    json_out_string(out, "interface", stats_interface_name(stats, p->ifindex));
    json_out_uint64(out, "proto_number", p->protocol);
}

void sse_format_packet(TextBuffer *text, uint64_t seq, const PacketEvent *packet, uint64_t wall_ns,
        const Stats *stats)
{
    JsonOut out = {.text = text};

    text_append(text, "id: ");
    text_append_uint64(text, seq);
    text_append(text, "\ndata: ");
    json_open(&out, NULL, '{');
    out_packet(&out, seq, packet, wall_ns, stats);
    json_close(&out, '}');
    text_append(text, "\n\n");
}
