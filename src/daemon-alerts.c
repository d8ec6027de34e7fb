/* SPDX-License-Identifier: MIT */
/* What follows from an alert. With detect.block its source is put on the blacklist first, on the
 * one path that all changes take, and the alert is told when it is known what became of that: so
 * an alert says itself whether its source is blocked. */

#include "daemon-internal.h"

#include "base/clock.h"
#include "journal/alert-entry.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

typedef struct Block {
    Daemon *daemon;
    Alert alert;
    uint64_t ttl_sec;
} Block;

static void tell(Daemon *d, const Alert *alert)
{
    uint64_t number = alert_log_add(d->alerts, alert);

    journal_send_alert(d->journal, alert_log_get(d->alerts, number));
    if (d->http)
        http_server_push_alert(d->http, number);
    if (d->bus)
        bus_server_alert(d->bus, alert);
}

static _printf_(2, 3) void append(Alert *alert, const char *format, ...)
{
    size_t length = strlen(alert->message);
    va_list args;

    va_start(args, format);
    vsnprintf(alert->message + length, sizeof(alert->message) - length, format, args);
    va_end(args);
}

static void on_blocked(const CommandResult *result, void *userdata)
{
    _cleanup_free_ Block *block = userdata;
    Alert *alert = &block->alert;

    if (result->error != CONTROL_OK) {
        const char *why = result->message ? result->message : "refused";

        /* What stands behind the semicolon is advice to a person. */
        append(alert, "; not blocked: %.*s", (int)strcspn(why, ";"), why);
    } else if (result->changed) {
        append(alert, "; blocked for %" PRIu64 " s", block->ttl_sec);
        alert->blocked_until_wall_ns = clock_wall_ns() + block->ttl_sec * NSEC_PER_SEC;
        repeaters_blocked(
                block->daemon->repeaters, &alert->address, block->ttl_sec, clock_boottime_ns());
    }
    tell(block->daemon, alert);
}

/* An entry that is there already may have been made for longer. */
static bool may_block(const Daemon *d, const Alert *alert)
{
    return d->config->detect.block && alert_names_source(alert->kind) &&
           !list_match(control_list(d->control, LIST_BLACKLIST), &alert->address);
}

static int block(Daemon *d, const Alert *alert)
{
    const DetectConfig *config = &d->config->detect;
    Block *block = calloc(1, sizeof(*block));
    char address[ADDRESS_TEXT_MAX], comment[LIST_COMMENT_MAX];
    Command command = {.list = LIST_BLACKLIST,
            .verb = COMMAND_ADD,
            .address = address_format(&alert->address, address),
            .comment = comment,
            .origin = ORIGIN_ALERT,
            .caller = {.transport = TRANSPORT_INTERNAL, .uid = UID_NONE}};

    if (!block)
        return -ENOMEM;
    *block = (Block){d, *alert,
            repeaters_ttl_sec(d->repeaters, &alert->address, config->block_ttl_sec,
                    config->block_ttl_max_sec, clock_boottime_ns())};
    command.ttl_sec = block->ttl_sec;
    snprintf(comment, sizeof(comment), "%.*s", LIST_COMMENT_MAX - 1, alert->message);
    return control_submit(d->control, &command, NULL, on_blocked, block);
}

void on_alert(const Alert *alert, void *userdata)
{
    Daemon *d = userdata;
    Alert complete = *alert;

    complete.wall_ns = clock_wall_ns();
    snprintf(complete.interface, sizeof(complete.interface), "%s",
            stats_interface_name(d->stats, alert->ifindex));
    if (!may_block(d, &complete) || block(d, &complete) < 0)
        tell(d, &complete);
}

bool on_exempt(const Address *source, void *userdata)
{
    const Daemon *d = userdata;

    return list_match(control_list(d->control, LIST_WHITELIST), source) != NULL;
}

int on_find_alerts(
        const AlertQuery *query, AlertsFoundFn found, void *found_userdata, void *userdata)
{
    return alert_history_find(((Daemon *)userdata)->history, query, found, found_userdata);
}
