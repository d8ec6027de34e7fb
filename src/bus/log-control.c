/* SPDX-License-Identifier: MIT */
/* org.freedesktop.LogControl1(5), for `systemctl service-log-level ntc`. Setting is guarded by
 * guard_filter(). The target is what the service manager made of our stderr and can't be changed
 * from within. */

#include "bus/bus-internal.h"

#include "base/log.h"

#include <string.h>

static const char *log_target(void)
{
    return getenv("JOURNAL_STREAM") ? "journal" : "console";
}

static int get_level(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(reply, "s", log_level_name(log_get_level()));
}

static int set_level(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *value, void *userdata, sd_bus_error *error)
{
    const char *text;
    int r = sd_bus_message_read(value, "s", &text), level;

    if (r < 0)
        return r;
    level = log_level_of(text);
    if (level >= 0) {
        log_set_level(level);
        return 0;
    }
    return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
            "no such level; there are emerg, alert, crit, err, warning, notice, info, debug");
}

static int get_target(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(reply, "s", log_target());
}

static int set_target(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *value, void *userdata, sd_bus_error *error)
{
    const char *text;
    int r = sd_bus_message_read(value, "s", &text);

    if (r < 0)
        return r;
    if (strcmp(text, log_target()) == 0 || strcmp(text, "auto") == 0)
        return 0;
    return sd_bus_error_setf(error, SD_BUS_ERROR_NOT_SUPPORTED,
            "ntc logs to its standard error, which is the %s; StandardError= of the unit sets it",
            log_target());
}

static int get_identifier(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(reply, "s", "ntc");
}

const sd_bus_vtable log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY(
                "LogLevel", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY(
                "LogTarget", "s", get_target, set_target, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
