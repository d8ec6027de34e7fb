/* SPDX-License-Identifier: MIT */
/* org.ntc.Manager: the daemon as a whole. Rates and counts change all the time and are read, not
 * told; PropertiesChanged comes for Interfaces. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

/* --- methods */

typedef int (*AppendRows)(sd_bus_message *m, const BusContext *context, uint32_t limit);

/* 1: may go on, and *ret_caller, if asked for, says who it is; else what the handler is to return.
 */
static int guard(BusServer *server, sd_bus_message *m, Caller *ret_caller, sd_bus_error *error)
{
    int r = guard_call(server, m, NULL, NULL, error);

    if (ret_caller)
        *ret_caller = (Caller){.transport = TRANSPORT_DBUS, .uid = polkit_uid(server->polkit, m)};
    if (r != 0)
        polkit_settle(server->polkit, m);
    return r;
}

static int method_flush_flows(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    Caller caller;
    int r = guard(server, m, &caller, error);

    if (r <= 0)
        return r < 0 ? r : 1;
    r = server->context.flush_flows(&caller, server->context.userdata);
    if (r < 0)
        return sd_bus_error_setf(
                error, SD_BUS_ERROR_FAILED, "the flows could not be flushed: %s", strerror(-r));
    return sd_bus_reply_method_return(m, "u", (uint32_t)r);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    ConfigError why = {};
    char text[sizeof(why.message)];
    int r = guard(server, m, NULL, error);

    if (r <= 0)
        return r < 0 ? r : 1;
    r = server->context.reload(&why, server->context.userdata);
    if (r < 0)
        return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED,
                "configuration refused, the old one stays: %s",
                why.message[0] ? text_to_utf8(why.message, text, sizeof(text)) : strerror(-r));
    return sd_bus_reply_method_return(m, NULL);
}

static int reply_rows(BusServer *server, sd_bus_message *m, AppendRows append, sd_bus_error *error)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t limit;
    int r = guard(server, m, NULL, error);

    if (r <= 0)
        return r < 0 ? r : 1;
    r = sd_bus_message_read(m, "u", &limit);
    if (r >= 0)
        r = bus_reserve(server, ROW_BYTES * (limit && limit < ROWS_MAX ? limit : ROWS_MAX), error);
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = append(reply, &server->context, limit);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_flows(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return reply_rows(userdata, m, append_flows, error);
}

static int method_get_talkers(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return reply_rows(userdata, m, append_talkers, error);
}

/* --- properties */

static int property_version(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(reply, "s", NTC_VERSION);
}

static int property_mode(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(reply, "s", ((BusServer *)userdata)->context.mode);
}

static int property_interfaces(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    Attachments attachments = stats_attachments(((BusServer *)userdata)->context.stats);
    int r = sd_bus_message_open_container(reply, 'a', "s");
    char name[INTERFACE_NAME_MAX];

    for (size_t i = 0; i < attachments.count && r >= 0; i++)
        r = sd_bus_message_append(
                reply, "s", text_to_utf8(attachments.items[i].interface, name, sizeof(name)));
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int property_active_flows(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const BusServer *server = userdata;

    return sd_bus_message_append(
            reply, "u", (uint32_t)flow_table_totals(server->context.flows)->live);
}

static int property_active_addresses(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const BusServer *server = userdata;

    return sd_bus_message_append(
            reply, "u", stats_active_addresses(server->context.stats, clock_monotonic_ns()));
}

static int property_rate(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const BusServer *server = userdata;
    Rates rates = stats_rates(server->context.stats, clock_monotonic_ns());

    return sd_bus_message_append(reply, "d",
            strcmp(property, "PacketsPerSecond") == 0 ? rates.packets_per_second
                                                      : rates.bytes_per_second);
}

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Mode", "s", property_mode, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "Interfaces", "as", property_interfaces, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ActiveFlows", "u", property_active_flows, 0, 0),
        SD_BUS_PROPERTY("ActiveAddresses", "u", property_active_addresses, 0, 0),
        SD_BUS_PROPERTY("PacketsPerSecond", "d", property_rate, 0, 0),
        SD_BUS_PROPERTY("BytesPerSecond", "d", property_rate, 0, 0),
        SD_BUS_METHOD_WITH_ARGS("FlushFlows", SD_BUS_NO_ARGS, SD_BUS_RESULT("u", flushed),
                method_flush_flows, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetFlows", SD_BUS_ARGS("u", limit), SD_BUS_RESULT("aa{sv}", flows),
                method_get_flows, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetTalkers", SD_BUS_ARGS("u", limit),
                SD_BUS_RESULT("aa{sv}", talkers), method_get_talkers, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status),
                method_get_status, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("s", address),
                SD_BUS_RESULT("s", verdict, "s", reason, "a(ssa{sv})", entries), method_explain,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Alert", SD_BUS_ARGS("s", kind, "s", address, "a{sv}", details), 0),
        SD_BUS_VTABLE_END,
};
