/* SPDX-License-Identifier: MIT */
#include "daemon-internal.h"

#include "base/clock.h"
#include "base/log.h"

void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    Daemon *d = userdata;

    stats_add_delta(d->stats, delta, now_ns);
    detect_add_delta(d->detect, delta, now_ns);
    if (delta->action == ACTION_DROP && d->control)
        report_drop(d->report, d->control, delta, now_ns);
}

void on_packet(const PacketEvent *event, void *userdata)
{
    Daemon *d = userdata;

    if (d->http)
        http_server_push_event(d->http, event);
}

static EventBudget event_budget(const Config *config)
{
    return (EventBudget){config->events.budget, config->events.drop_budget};
}

uint64_t hidden_packets(const Counters *counters)
{
    return counters_total(counters).packets -
           counters_of_protocol(counters, PROTOCOL_NONIP).packets - counters->events_shown_packets;
}

/* A gap tells what its viewers missed, not what went by before the first of them came. */
static void rebase_gap(Daemon *d)
{
    Counters counters;

    if (d->datapath->ops->read_counters(d->datapath, &counters) >= 0)
        d->hidden_packets = hidden_packets(&counters);
}

void on_watchers(unsigned n, void *userdata)
{
    Daemon *d = userdata;

    if (d->watchers == 0 && n > 0)
        rebase_gap(d);
    d->watchers = n;
    d->datapath->ops->set_events(d->datapath, n > 0, event_budget(d->config));
}

uint64_t on_memory(void *userdata)
{
    Daemon *d = userdata;

    return d->datapath->ops->memory_bytes(d->datapath);
}

uint64_t on_bus_signals_lost(void *userdata)
{
    const Daemon *d = userdata;

    return d->bus ? bus_server_signals_lost(d->bus) : 0;
}

uint64_t on_journal_lost(void *userdata)
{
    return journal_lost(((Daemon *)userdata)->journal) + log_lost();
}

uint16_t on_http_port(void *userdata)
{
    const Daemon *d = userdata;

    return d->http ? http_server_port(d->http) : 0;
}

int on_flush(const Caller *caller, void *userdata)
{
    Daemon *d = userdata;
    int r = scanner_flush(d->scanner, clock_monotonic_ns());

    if (r >= 0)
        report_flush(d->report, caller, (size_t)r);
    return r;
}

void on_denied(const Caller *caller, const char *what, void *userdata)
{
    report_denied(((Daemon *)userdata)->report, caller, what);
}

void on_list_changed(const ListEvent *event, void *userdata)
{
    Daemon *d = userdata;

    report_list_change(d->report, event);
    if (d->bus)
        bus_server_list_changed(d->bus, event);
}

void on_feeds_changed(const FeedsReport *report, void *userdata)
{
    Daemon *d = userdata;

    report_feeds(d->report, report);
    if (d->bus)
        bus_server_counts_changed(d->bus);
}

void on_storage_failed(const char *path, int error, size_t undone, void *userdata)
{
    report_storage_failure(((Daemon *)userdata)->report, path, error, undone);
}

void on_attached(const char *interface, void *userdata)
{
    report_attachment(((Daemon *)userdata)->report, interface, true, 0);
}

void on_detached(const char *interface, DetachReason reason, void *userdata)
{
    log_debug("Detached from %s: %s", interface, detach_reason_text(reason));
    report_attachment(((Daemon *)userdata)->report, interface, false, 0);
}

void on_attach_failed(const char *interface, int error, void *userdata)
{
    report_attachment(((Daemon *)userdata)->report, interface, true, error);
}

void on_counted_twice(const char *interface, const char *other, void *userdata)
{
    log_warning("Packets of %s also pass %s, and both are watched: they are counted twice",
            interface, other);
}

void on_attachments(const Attachment *items, size_t count, void *userdata)
{
    Daemon *d = userdata;

    stats_set_attachments(d->stats, items, count);
    if (d->bus)
        bus_server_attachments_changed(d->bus);
    fd_store_sync(d->fd_store, d->datapath);
}

void on_addresses_changed(void *userdata)
{
    control_refresh_protected(((Daemon *)userdata)->control);
}
