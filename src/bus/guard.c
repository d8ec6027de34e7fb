/* SPDX-License-Identifier: MIT */
/* The table and polkit, applied to a message. A refusal is told to the journal, but not a thousand
 * times a second: any local user can cause them. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

#define DENIALS_BURST     20
#define DENIALS_EACH_USEC (10ULL * USEC_PER_SEC)
#define WORD_MAX          64

static bool may_tell(BusServer *server)
{
    uint64_t now_usec = clock_monotonic_ns() / NSEC_PER_USEC;

    if (now_usec - server->denials_since_usec > DENIALS_EACH_USEC) {
        if (server->denials_told > DENIALS_BURST)
            log_notice("%u more refusals over D-Bus within %llu s were not told",
                    server->denials_told - DENIALS_BURST, DENIALS_EACH_USEC / USEC_PER_SEC);
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

/* What can be set is a word each. Texts are the message's. */
static bool read_word(sd_bus_message *set)
{
    const char *word;

    return sd_bus_message_has_signature(set, "ssv") > 0 &&
           sd_bus_message_read(set, "v", "s", &word) >= 0 && strlen(word) < WORD_MAX;
}

/* The order of a change over D-Bus in general: known at all? valid? permitted? Returns as
 * guard_call() does, or another error. */
static int guard_set(BusServer *server, sd_bus_message *set, const char *interface,
        const char *property, sd_bus_error *error)
{
    Intent intent = {.action = access_action(ACCESS_SET, interface, property), .member = property};
    const char *reason = "it can't be set";
    int r = -EACCES;

    if (intent.action) {
        if (!read_word(set))
            return sd_bus_error_setf(
                    error, SD_BUS_ERROR_INVALID_ARGS, "%s takes one word, a string", property);
        r = polkit_authorise(server->polkit, set, &intent, &reason);
    }
    return r < 0 ? refuse(server, set, interface, property, reason, error) : r;
}

int guard_filter(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    const char *interface, *property;
    int r;

    if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Set") <= 0)
        return 0;
    if (sd_bus_message_read(message, "ss", &interface, &property) < 0 ||
            !sd_bus_interface_name_is_valid(interface) || !sd_bus_member_name_is_valid(property))
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                "expected an interface, a property and its value");
    r = guard_set(server, message, interface, property, error);
    if (r == 0)
        return 1;
    polkit_settle(server->polkit, message);
    if (r > 0)
        r = sd_bus_message_rewind(message, true);
    return MIN_OF(r, 0);
}
