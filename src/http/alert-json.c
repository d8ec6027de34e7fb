/* SPDX-License-Identifier: MIT */
#include "http/alert-json.h"

static const char *text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

void alert_json(JsonOut *out, const Alert *alert)
{
    char ip[ADDRESS_TEXT_MAX];

    json_open(out, NULL, '{');
    json_out_time(out, "time", alert->wall_ns);
    json_out_string(out, "kind", alert_kind_name(alert->kind));
    json_out_string(out, "ip", address_format(&alert->address, ip));
    json_out_string(out, "target", text_or_null(alert->target));
    json_out_string(out, "interface", alert->interface);
    json_out_string(out, "message", alert->message);
    json_out_uint64(out, "ports", alert->ports);
    json_out_uint64(out, "hosts", alert->hosts);
    json_out_uint64(out, "packets", alert->packets);
    json_out_time(out, "blocked_until", alert->blocked_until_wall_ns);
    json_close(out, '}');
}
