/* SPDX-License-Identifier: MIT */
#include "ctl/ctl.h"

#include <stdarg.h>
#include <string.h>

#define NAME "org.ntc"
#define PATH "/org/ntc"
/* Somebody may have to find his password first. */
#define TIMEOUT_USEC (150ULL * 1000 * 1000)
#define TRY_USEC     (5ULL * 1000 * 1000)

static int open_bus(Ctl *ctl)
{
    int r;

    if (ctl->bus)
        return 0;
    r = sd_bus_open_system(&ctl->bus);
    if (r < 0)
        return ctl_fail(ctl, CTL_NOT_RUNNING,
                "there is no system bus (%s); is D-Bus installed and running?", strerror(-r));
    return 0;
}

void ctl_close(Ctl *ctl)
{
    ctl->bus = sd_bus_flush_close_unref(ctl->bus);
}

/* The daemon's own words are sentences for the user; the bus' are not. */
static int tell(Ctl *ctl, const sd_bus_error *error, int r)
{
    const char *message = error->message ? error->message : strerror(-r);

    if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        return ctl_fail(ctl, CTL_NOT_RUNNING, "ntc is not running; try: systemctl start ntc");
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) || r == -ETIMEDOUT)
        return ctl_fail(ctl, CTL_FAILED, "ntc does not answer; see: journalctl -t ntc -e");
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
        return ctl_fail(ctl, CTL_DENIED, "%s; try sudo, or see polkit(8) for the actions org.ntc.*",
                message);
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD))
        return ctl_fail(ctl, CTL_FAILED,
                "the running ntc is older than this ntcctl and can't do that; restart it");
    if (sd_bus_error_has_name(error, "org.ntc.Error.Protected"))
        return ctl_fail(ctl, CTL_FAILED, "%s (--force)", message);
    return ctl_fail(ctl, CTL_FAILED, "%s", message);
}

int ctl_message(Ctl *ctl, const char *interface, const char *member, sd_bus_message **ret)
{
    int r = open_bus(ctl);

    if (r < 0)
        return r;
    r = sd_bus_message_new_method_call(ctl->bus, ret, NAME, PATH, interface, member);
    return r < 0 ? ctl_fail(ctl, CTL_FAILED, "%s: %s", member, strerror(-r)) : 0;
}

static int read_reply(sd_bus_message *reply, json_object **ret)
{
    _cleanup_json_ json_object *values = json_object_new_array();
    int r;

    if (!values)
        return -ENOMEM;
    while ((r = sd_bus_message_at_end(reply, true)) == 0) {
        json_object *value = NULL;

        r = json_from_message(reply, &value);
        if (r >= 0)
            r = json_append(values, value);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(values);
    return r;
}

int ctl_send(Ctl *ctl, bool asks, sd_bus_message *message, json_object **ret)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = 0;

    if (asks && !ctl->no_ask_password) {
        agent_open(ctl);
        r = sd_bus_message_set_allow_interactive_authorization(message, true);
    }
    if (r >= 0)
        r = sd_bus_call(ctl->bus, message, TIMEOUT_USEC, &error, &reply);
    if (r < 0)
        return tell(ctl, &error, r);
    r = ret ? read_reply(reply, ret) : 0;
    return r < 0 ? ctl_fail(ctl, CTL_FAILED, "ntc's answer can't be read: %s", strerror(-r)) : 0;
}

int ctl_call(Ctl *ctl, bool asks, const char *interface, const char *member, json_object **ret,
        const char *types, ...)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    va_list arguments;
    int r = ctl_message(ctl, interface, member, &message);

    if (r < 0)
        return r;
    va_start(arguments, types);
    r = types ? sd_bus_message_appendv(message, types, arguments) : 0;
    va_end(arguments);
    if (r < 0)
        return ctl_fail(ctl, CTL_FAILED, "%s: %s", member, strerror(-r));
    return ctl_send(ctl, asks, message, ret);
}

int ctl_try(Ctl *ctl, const char *interface, const char *member, json_object **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
    int r = ctl->bus ? 0 : sd_bus_open_system(&ctl->bus);

    if (r >= 0)
        r = sd_bus_message_new_method_call(ctl->bus, &message, NAME, PATH, interface, member);
    if (r >= 0)
        r = sd_bus_call(ctl->bus, message, TRY_USEC, NULL, &reply);
    return r < 0 ? r : read_reply(reply, ret);
}

int ctl_properties(Ctl *ctl, const char *interface, json_object **ret)
{
    _cleanup_json_ json_object *reply = NULL;
    int r = ctl_call(
            ctl, false, "org.freedesktop.DBus.Properties", "GetAll", &reply, "s", interface);

    if (r >= 0)
        *ret = json_object_get(json_object_array_get_idx(reply, 0));
    return r;
}
