/* SPDX-License-Identifier: MIT */
#include "http/sse-format.h"

#include "http/alert-json.h"

#include "base/clock.h"

static void format_gap(TextBuffer *text, uint64_t packets)
{
    if (packets > 0)
        text_appendf(text, "event: gap\ndata: {\"packets\":%llu}\n\n", (unsigned long long)packets);
    else
        text_append(text, "event: gap\ndata: {\"packets\":null}\n\n");
}

/* One that the log no longer holds was overtaken by a thousand others. */
static void format_alert(TextBuffer *text, const Alert *alert)
{
    JsonOut out = {.text = text};

    if (!alert)
        return;
    text_append(text, "event: alert\ndata: ");
    alert_json(&out, alert);
    text_append(text, "\n\n");
}

static void out_packet(JsonOut *out, const EventRecord *record, const Stats *stats)
{
    const PacketEvent *p = &record->packet;
    char text[ADDRESS_TEXT_MAX + TIME_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX];

    json_out_string(out, "time", time_format_clock(record->wall_ns, text));
    json_out_uint64(out, "seq", record->seq);
    json_out_string(out, "src", address_format(&p->src, text));
    json_out_string(out, "dst", address_format(&p->dst, text));
    json_out_string(out, "proto", protocol_class_name(protocol_class_of(p->protocol)));
    json_out_string(out, "action", action_name((Action)p->action));
    json_out_string(out, "direction", direction_name((Direction)p->direction));
    json_out_string(out, "ts", time_format_rfc3339(record->wall_ns, text));
    json_out_uint64(out, "sport", p->sport);
    json_out_uint64(out, "dport", p->dport);
    json_out_uint64(out, "len", p->length_bytes);
    json_out_uint64(out, "packets", p->packets);
    json_out_string(out, "flags", tcp_flags_format(p->tcp_flags, flags));
    json_out_string(out, "interface", stats_interface_name(stats, p->ifindex));
    json_out_uint64(out, "proto_number", p->protocol);
}

void sse_format(TextBuffer *text, const EventRecord *record, const HttpContext *context)
{
    JsonOut out = {.text = text};

    if (record->alert != 0) {
        format_alert(text, alert_log_get(context->alerts, record->alert));
        return;
    }
    if (record->seq == 0) {
        format_gap(text, record->gap_packets);
        return;
    }
    text_append(text, "id: ");
    text_append_uint64(text, record->seq);
    text_append(text, "\ndata: ");
    json_open(&out, NULL, '{');
    out_packet(&out, record, context->stats);
    json_close(&out, '}');
    text_append(text, "\n\n");
}
