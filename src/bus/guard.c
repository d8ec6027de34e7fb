/* SPDX-License-Identifier: MIT */
/* The table and polkit, applied to a message. A refusal is told to the journal, but not a thousand
 * times a second: any local user can cause them. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

#define DENIALS_BURST     20
#define DENIALS_EACH_USEC (10 * USEC_PER_SEC)

static bool may_tell(BusServer *server)
{
    uint64_t now_usec = clock_monotonic_ns() / NSEC_PER_USEC;

    if (now_usec - server->denials_since_usec > DENIALS_EACH_USEC) {
        server->denials_since_usec = now_usec;
        server->denials_told = 0;
    }
    return server->denials_told++ < DENIALS_BURST;
}

static int refuse(BusServer *server, sd_bus_message *call, const char *interface,
        const char *member, const char *reason, sd_bus_error *error)
{
    Caller caller = {.transport = TRANSPORT_DBUS, .uid = polkit_uid(server->polkit, call)};
    const BusContext *context = &server->context;
    char what[256];

    snprintf(what, sizeof(what), "%s.%s", interface, member);
    if (context->access_denied && may_tell(server))
        context->access_denied(&caller, what, context->userdata);
    sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "%s: access denied%s%s", member,
            reason ? ": " : "", reason ? reason : "");
    return -EACCES;
}

int guard_call(BusServer *server, sd_bus_message *call, const char *list, const Prefix *prefix,
        sd_bus_error *error)
{
    const char *interface = sd_bus_message_get_interface(call), *reason = NULL;
    const char *member = sd_bus_message_get_member(call);
    const char *action = access_action(ACCESS_CALL, interface, member);
    Intent intent = {.action = action, .member = member, .list = list};
    int r;

    if (!action)
        return refuse(server, call, interface, member, "nobody may", error);
    if (strcmp(action, ACCESS_OPEN) == 0)
        return 1;
    if (prefix)
        prefix_format(prefix, intent.address);
    r = polkit_authorise(server->polkit, call, &intent, &reason);
    if (r < 0)
        r = refuse(server, call, interface, member, reason, error);
    return r;
}

/* Which property a Set is about; texts of the message. False for anything but a Set. */
static bool read_set(sd_bus_message *message, const char **ret_interface, const char **ret_property)
{
    return sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Set") > 0 &&
           sd_bus_message_read(message, "ss", ret_interface, ret_property) >= 0;
}

int guard_filter(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    const char *interface, *property, *action, *reason = "it can't be set";
    Intent intent = {.member = "Set"};
    int r = -EACCES;

    if (!read_set(message, &interface, &property))
        return 0;
    action = access_action(ACCESS_SET, interface, property);
    if (action) {
        intent.action = action;
        r = polkit_authorise(server->polkit, message, &intent, &reason);
    }
    if (r == 0)
        return 1;
    if (r < 0)
        r = refuse(server, message, interface, property, reason, error);
    polkit_settle(server->polkit, message);
    if (r < 0)
        return r;
    return sd_bus_message_rewind(message, true) < 0 ? -EIO : 0;
}
