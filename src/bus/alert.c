/* SPDX-License-Identifier: MIT */
/* The signal Alert of org.ntc.Manager. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/text.h"

static int append_optional(sd_bus_message *m, const char *name, const char *value)
{
    char text[ALERT_TARGET_MAX];

    return value[0] ? sd_bus_message_append(
                              m, "{sv}", name, "s", text_to_utf8(value, text, sizeof(text)))
                    : 0;
}

static int append_details(sd_bus_message *m, const Alert *alert)
{
    char time[TIME_TEXT_MAX], until[TIME_TEXT_MAX] = "";
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    if (alert->blocked_until_wall_ns > 0)
        time_format_rfc3339(alert->blocked_until_wall_ns, until);
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}", "time", "s",
                time_format_rfc3339(alert->wall_ns, time), "message", "s", alert->message, "ports",
                "u", alert->ports, "hosts", "u", alert->hosts, "packets", "t", alert->packets);
    if (r >= 0)
        r = append_optional(m, "target", alert->target);
    if (r >= 0)
        r = append_optional(m, "interface", alert->interface);
    if (r >= 0)
        r = append_optional(m, "blocked_until", until);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int emit_alert(BusServer *server, const Alert *alert)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    char address[ADDRESS_TEXT_MAX];
    int r = sd_bus_message_new_signal(server->bus, &m, BUS_PATH, INTERFACE_MANAGER, "Alert");

    if (r >= 0)
        r = sd_bus_message_append(
                m, "ss", alert_kind_name(alert->kind), address_format(&alert->address, address));
    if (r >= 0)
        r = append_details(m, alert);
    return r < 0 ? r : sd_bus_send(NULL, m, NULL);
}

void bus_server_alert(BusServer *server, const Alert *alert)
{
    if (bus_may_signal(server) && emit_alert(server, alert) < 0)
        server->signals_lost++;
}
