/* SPDX-License-Identifier: MIT */
/* What is told without being asked: every change of a list, and the properties that emit changes.
 * Nobody waits for the bus to take it; what it doesn't take is counted. And how much may lie about
 * that the bus has not taken: callers can ask for more than a busy bus carries away. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "base/loop-timer.h"
#include "base/text.h"

#include <string.h>

#define TOLD_USEC  (20 * USEC_PER_MSEC)
#define UNSENT_MAX 8192 /* messages that the bus has not taken */
/* Long answers may add up to so much, from when there was nothing unsent. */
#define LONG_UNSENT_BYTES_MAX (32UL << 20)

bool bus_may_signal(BusServer *server)
{
    uint64_t unsent = 0;

    if (!server->has_name)
        return false;
    if (sd_bus_get_n_queued_write(server->bus, &unsent) >= 0 && unsent < UNSENT_MAX)
        return true;
    server->signals_lost++;
    return false;
}

int bus_reserve(BusServer *server, size_t bytes, sd_bus_error *error)
{
    uint64_t unsent = 0;

    if (sd_bus_get_n_queued_write(server->bus, &unsent) >= 0 && unsent == 0)
        server->long_unsent_bytes = 0;
    if (server->long_unsent_bytes > 0 && server->long_unsent_bytes + bytes > LONG_UNSENT_BYTES_MAX)
        return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                "the bus has not taken up earlier answers yet; try again later");
    server->long_unsent_bytes += bytes;
    return 0;
}

/* A feed changes thousands of entries at once: Count is told when they are through. */
int on_counts_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    BusServer *server = userdata;

    for (ListId id = 0; id < _LIST_MAX; id++) {
        if (!server->count_changed[id] || !bus_may_signal(server))
            continue;
        server->count_changed[id] = false;
        if (sd_bus_emit_properties_changed(
                    server->bus, BUS_PATH, list_interface(id), "Count", NULL) < 0)
            server->signals_lost++;
    }
    return 0;
}

static int emit_list_event(BusServer *server, const ListEvent *event)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    bool added = event->type == LIST_EVENT_ADDED || event->type == LIST_EVENT_CHANGED;
    const char *member = added                               ? "Added"
                         : event->type == LIST_EVENT_EXPIRED ? "Expired"
                                                             : "Removed";
    char address[PREFIX_TEXT_MAX];
    int r = sd_bus_message_new_signal(
            server->bus, &m, BUS_PATH, list_interface(event->list), member);

    if (r >= 0)
        r = sd_bus_message_append(m, "s", prefix_format(&event->entry->prefix, address));
    if (r >= 0 && added)
        r = append_entry_options(m, server->context.control, event->entry);
    return r < 0 ? r : sd_bus_send(NULL, m, NULL);
}

static void tell_count(BusServer *server, ListId list)
{
    int enabled = SD_EVENT_OFF;

    server->count_changed[list] = true;
    if (sd_event_source_get_enabled(server->told, &enabled) >= 0 && enabled == SD_EVENT_OFF)
        (void)loop_timer_set(server->told, TOLD_USEC);
}

void bus_server_list_changed(BusServer *server, const ListEvent *event)
{
    if (bus_may_signal(server) && emit_list_event(server, event) < 0)
        server->signals_lost++;
    if (event->count_before != event->count_after)
        tell_count(server, event->list);
}

void bus_server_counts_changed(BusServer *server)
{
    for (ListId id = 0; id < _LIST_MAX; id++)
        tell_count(server, id);
}

void bus_server_attachments_changed(BusServer *server)
{
    Attachments attachments = stats_attachments(server->context.stats);
    _cleanup_(text_done) TextBuffer names = {};

    text_append(&names, "");
    for (size_t i = 0; i < attachments.count; i++)
        text_appendf(&names, "%s\n", attachments.items[i].interface);
    if (names.failed || (server->interfaces && strcmp(server->interfaces, names.data) == 0))
        return;
    free(server->interfaces);
    server->interfaces = TAKE_PTR(names.data);
    if (bus_may_signal(server) && sd_bus_emit_properties_changed(server->bus, BUS_PATH,
                                          INTERFACE_MANAGER, "Interfaces", NULL) < 0)
        server->signals_lost++;
}

uint64_t bus_server_signals_lost(const BusServer *server)
{
    return server->signals_lost;
}
