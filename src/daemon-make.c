/* SPDX-License-Identifier: MIT */
/* What each module is made of: its part of the configuration, the modules it looks at, and the
 * wires that it tells the others by. */

#include "daemon-internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "flow/keyed-hash.h"

#include <string.h>

int make_datapath(Daemon *d, ConfigError *error)
{
    const Config *c = d->config;
    DatapathLimits limits = {c->lists.capacity, c->flows.capacity, c->flows.fragments_capacity,
            c->events.ring_bytes, .clsact_only = !c->network.tcx};
    MockOptions mock = {c->mock.rate, c->mock.seed};
    const char *hint = "this build has no eBPF; use --mock";
    int r = -EOPNOTSUPP;

    if (d->options->mock)
        return datapath_new_mock(d->event, &limits, &mock, on_packet, d, &d->datapath);
#if HAVE_BPF
    r = datapath_new_bpf(
            d->event, &limits, d->passed.kept, d->passed.n_kept, on_packet, d, &d->datapath, &hint);
#endif
    if (r < 0)
        snprintf(error->message, sizeof(error->message), "eBPF can't be had: %s: %s", strerror(-r),
                hint);
    return r;
}

static int make_detection(Daemon *d)
{
    const DetectConfig *config = &d->config->detect;
    DetectObserver observer = {on_alert, on_exempt, d};
    int r = detect_new(config, d->flows, &observer, &d->detect);

    if (r >= 0)
        r = alert_log_new(config->alerts_max, &d->alerts);
    if (r >= 0)
        r = alert_history_new(d->event, d->alerts, &d->history);
    if (r >= 0)
        r = repeaters_new(config->tracked_max, &d->repeaters);
    return r;
}

FlowTimeouts flow_timeouts(const Config *config)
{
    return (FlowTimeouts){config->flows.tcp_idle_sec * NSEC_PER_SEC,
            config->flows.other_idle_sec * NSEC_PER_SEC, config->flows.active_sec * NSEC_PER_SEC,
            config->flows.closed_linger_sec * NSEC_PER_SEC};
}

int make_read_side(Daemon *d)
{
    const Config *c = d->config;
    FlowTimeouts timeouts = flow_timeouts(c);
    int r = flow_table_new(c->flows.capacity, &timeouts, on_delta, d, &d->flows);

    if (r >= 0)
        r = stats_new(c->stats.addresses_max, d->started_ns, &d->stats);
    if (r >= 0)
        r = make_detection(d);
    if (r >= 0)
        r = scanner_new(d->datapath, d->flows, &d->scanner);
    if (r >= 0)
        r = journal_new(d->event, &d->journal);
    if (r >= 0)
        r = report_new(d->journal, d->datapath->ops->slots(d->datapath), &d->report);
    return r;
}

/* So few digits that they can be shown, so many that it won't be near one of an earlier process. */
static uint64_t random_event_base(void)
{
    return keyed_hash("events", 6) >> 36;
}

int make_http(Daemon *d, ConfigError *error)
{
    HttpContext context = {.config = d->config,
            .control = d->control,
            .flows = d->flows,
            .stats = d->stats,
            .detect = d->detect,
            .alerts = d->alerts,
            .mode = d->datapath->ops->mode,
            .started_monotonic_ns = d->started_ns,
            .event_base = datapath_event_base(d->datapath, random_event_base()),
            .datapath_memory_bytes = on_memory,
            .journal_lost = on_journal_lost,
            .bus_signals_lost = on_bus_signals_lost,
            .find_alerts = on_find_alerts,
            .flush_flows = on_flush,
            .watchers_changed = on_watchers,
            .access_denied = on_denied,
            .userdata = d};

    return http_server_new(
            d->event, &context, d->passed.sockets, d->passed.n_sockets, &d->http, error);
}

int make_bus(Daemon *d)
{
    BusContext context = {.control = d->control,
            .flows = d->flows,
            .stats = d->stats,
            .mode = d->datapath->ops->mode,
            .started_monotonic_ns = d->started_ns,
            .flush_flows = on_flush,
            .reload = on_reload,
            .access_denied = on_denied,
            .journal_lost = on_journal_lost,
            .http_port = on_http_port,
            .userdata = d};

    return bus_server_new(d->event, &context, &d->bus);
}

static int attach_mock(Daemon *d)
{
    size_t n;
    const Attachment *items;
    int r = d->datapath->ops->attach(d->datapath, 1, "mock0");

    items = d->datapath->ops->attachments(d->datapath, &n);
    on_attachments(items, n, d);
    return r;
}

/* Nothing to watch is an error for who starts ntc by hand: better said now than found out later. A
 * service starts before the network is up, and waits. */
int attach_interfaces(Daemon *d, ConfigError *error)
{
    LinkWatchObserver observer = {
            {on_attached, on_detached, on_attach_failed, on_counted_twice, on_attachments, d},
            on_addresses_changed, d};
    size_t wanted;
    const char *what;
    int r;

    if (d->options->mock)
        return attach_mock(d);
    r = link_watch_new(d->event, d->datapath, &d->config->network.interfaces, &observer, &d->links);
    if (r >= 0)
        r = link_watch_update(d->links);
    if (r != 0)
        return r;
    link_watch_attachments(d->links, &wanted);
    what = wanted > 0 ? "could attach to none of those that match network.interfaces"
                      : "none matches network.interfaces (or --interface)";
    if (daemon_is_service()) {
        log_warning("Nothing is watched yet: %s; ntc waits for one to appear", what);
        return 0;
    }
    snprintf(error->message, sizeof(error->message),
            "no interface to watch: %s; `ip link` lists them", what);
    return -ENODEV;
}
