/* SPDX-License-Identifier: MIT */
/* Construction order: datapath, flows, stats, scanner, journal, control, http, attachments, READY.
 * The datapath attaches last, when the lists are already in it: not one packet is judged by empty
 * lists. Destruction mirrors it. */

#include "daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/control.h"
#include "datapath/datapath.h"
#include "datapath/link-watch.h"
#include "fd-store.h"
#include "flow/scanner.h"
#include "http/server.h"
#include "journal/journal.h"
#include "report.h"
#include "stats/stats.h"

#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

typedef struct Daemon {
    const DaemonOptions *options;
    Config *config;
    sd_event *event;
    PassedFds passed;
    FdStore *fd_store;
    Datapath *datapath;
    FlowTable *flows;
    Stats *stats;
    Scanner *scanner;
    Journal *journal;
    Report *report;
    Control *control;
    HttpServer *http;
    LinkWatch *links; /* NULL with --mock */
    sd_event_source *scan_timer;
    sd_event_source *scan_step;
    unsigned watchers;
    uint64_t hidden_packets; /* at the last gap told */
    uint64_t started_ns;
} Daemon;

/* A unit that sets this also calls `ntc --detach` when the service stops for good. */
static bool another_goes_on(void)
{
    return getenv("NTC_HANDOVER") != NULL;
}

static void daemon_done(Daemon *d)
{
    if (d->datapath && another_goes_on())
        datapath_leave_attached(d->datapath);
    sd_event_source_disable_unref(d->scan_step);
    sd_event_source_disable_unref(d->scan_timer);
    link_watch_free(d->links);
    http_server_free(d->http);
    control_free(d->control);
    scanner_free(d->scanner);
    datapath_free(d->datapath);
    fd_store_free(d->fd_store);
    passed_fds_close(&d->passed);
    stats_free(d->stats);
    flow_table_free(d->flows);
    report_free(d->report);
    journal_free(d->journal);
    sd_event_unref(d->event);
    config_free(d->config);
}

int daemon_load_config(const DaemonOptions *options, Config **ret, ConfigError *error)
{
    _cleanup_(config_freep) Config *config = NULL;
    const char *path = options->config_path;
    int r;

    if (!path && access("config.yaml", R_OK) == 0)
        path = "config.yaml";
    if (!path && access("/etc/ntc/config.yaml", R_OK) == 0)
        path = "/etc/ntc/config.yaml";
    r = path ? config_load(path, &config, error)
             : config_parse("(defaults)", "", 0, &config, error);
    if (r < 0)
        return r;
    if (options->port >= 0)
        config->server.port = (uint16_t)options->port;
    if (options->interfaces.count > 0)
        string_list_clear(&config->network.interfaces);
    for (size_t i = 0; i < options->interfaces.count; i++)
        if (string_list_add(&config->network.interfaces, options->interfaces.items[i]) < 0)
            return -ENOMEM;
    *ret = TAKE_PTR(config);
    return 0;
}

/* --- what the modules tell each other
 * ------------------------------------------------------------- */

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    Daemon *d = userdata;

    stats_add_delta(d->stats, delta, now_ns);
    if (delta->action == ACTION_DROP && d->control)
        report_drop(d->report, d->control, delta, now_ns);
}

static void on_packet(const PacketEvent *event, void *userdata)
{
    Daemon *d = userdata;

    if (d->http)
        http_server_push_event(d->http, event);
}

static EventBudget event_budget(const Config *config)
{
    return (EventBudget){config->events.budget, config->events.drop_budget};
}

/* Packets counted but not shown as events, NONIP aside. */
static uint64_t hidden_packets(const Counters *counters)
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

static void on_watchers(unsigned n, void *userdata)
{
    Daemon *d = userdata;

    if (d->watchers == 0 && n > 0)
        rebase_gap(d);
    d->watchers = n;
    d->datapath->ops->set_events(d->datapath, n > 0, event_budget(d->config));
}

static uint64_t on_memory(void *userdata)
{
    Daemon *d = userdata;

    return d->datapath->ops->memory_bytes(d->datapath);
}

static uint64_t on_journal_lost(void *userdata)
{
    return journal_lost(((Daemon *)userdata)->journal);
}

static int on_flush(void *userdata)
{
    Daemon *d = userdata;

    return scanner_flush(d->scanner, clock_monotonic_ns());
}

static void on_denied(const Caller *caller, const char *what, void *userdata)
{
    report_denied(((Daemon *)userdata)->report, caller, what);
}

static void on_list_changed(const ListEvent *event, void *userdata)
{
    report_list_change(((Daemon *)userdata)->report, event);
}

static void on_storage_failed(const char *path, int error, size_t undone, void *userdata)
{
    report_storage_failure(((Daemon *)userdata)->report, path, error, undone);
}

/* --- interfaces
 * -------------------------------------------------------------------------------------- */

static void on_attached(const char *interface, void *userdata)
{
    report_attachment(((Daemon *)userdata)->report, interface, true, 0);
}

static void on_detached(const char *interface, DetachReason reason, void *userdata)
{
    log_debug("Detached from %s: %s", interface, detach_reason_text(reason));
    report_attachment(((Daemon *)userdata)->report, interface, false, 0);
}

static void on_attach_failed(const char *interface, int error, void *userdata)
{
    report_attachment(((Daemon *)userdata)->report, interface, true, error);
}

static void on_counted_twice(const char *interface, const char *other, void *userdata)
{
    log_warning("Packets of %s also pass %s, and both are watched: they are counted twice",
            interface, other);
}

static void on_attachments(const Attachment *items, size_t count, void *userdata)
{
    Daemon *d = userdata;

    stats_set_attachments(d->stats, items, count);
    fd_store_sync(d->fd_store, d->datapath);
}

static void on_addresses_changed(void *userdata)
{
    control_refresh_protected(((Daemon *)userdata)->control);
}

static void follow_configuration(Daemon *d)
{
    int r = 0;

    if (!d->links)
        return;
    link_watch_set_patterns(d->links, &d->config->network.interfaces);
    r = link_watch_update(d->links);
    if (r < 0)
        log_warning("Could not look for interfaces: %s", strerror(-r));
    else if (r == 0)
        log_warning("No interface matches network.interfaces; nothing is watched until one does");
}

/* --- scanning
 * ---------------------------------------------------------------------------------------- */

static void scan_finished(Daemon *d, const ScanResult *result, uint64_t now_ns)
{
    uint64_t hidden = hidden_packets(&result->counters);

    stats_set_counters(d->stats, &result->counters, result->drift_packets, now_ns);
    report_losses(d->report, &result->counters, result->drift_packets, now_ns);
    /* Packets on their way between the two counts may be told too early: then the next gap is the
     * smaller. */
    if (d->watchers == 0 || hidden <= d->hidden_packets)
        return;
    http_server_push_gap(d->http, hidden - d->hidden_packets);
    d->hidden_packets = hidden;
}

static int on_scan_step(sd_event_source *source, void *userdata)
{
    Daemon *d = userdata;
    ScanResult result;
    uint64_t now_ns = clock_monotonic_ns();
    int r = scanner_step(d->scanner, now_ns, &result);

    if (r > 0)
        return 0;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (r < 0)
        log_warning("The scan of the flows was given up: %s", strerror(-r));
    else
        scan_finished(d, &result, now_ns);
    return 0;
}

static int on_scan_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    Daemon *d = userdata;
    int r = scanner_begin(d->scanner, clock_monotonic_ns());

    if (r < 0)
        log_warning("Could not begin a scan of the flows: %s", strerror(-r));
    else
        sd_event_source_set_enabled(d->scan_step, SD_EVENT_ON);
    sd_event_source_set_time_relative(source, d->config->flows.scan_interval_ms * USEC_PER_MSEC);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

/* What adopted maps hold already is neither this minute's traffic nor a difference to explain. */
static void go_on_from_adopted(Daemon *d)
{
    Counters counters;

    if (!datapath_adopted(d->datapath) ||
            d->datapath->ops->read_counters(d->datapath, &counters) < 0)
        return;
    scanner_adopt(d->scanner);
    stats_set_baseline(d->stats, &counters, d->started_ns);
    d->hidden_packets = hidden_packets(&counters);
    log_info("Going on with the flows and counters of the process before");
}

static int start_scanning(Daemon *d)
{
    int r;

    go_on_from_adopted(d);
    r = sd_event_add_defer(d->event, &d->scan_step, on_scan_step, d);

    if (r < 0)
        return r;
    sd_event_source_set_enabled(d->scan_step, SD_EVENT_OFF);
    /* The loop serves everything else first. */
    sd_event_source_set_priority(d->scan_step, SD_EVENT_PRIORITY_IDLE);
    return sd_event_add_time_relative(
            d->event, &d->scan_timer, CLOCK_MONOTONIC, 0, 0, on_scan_timer, d);
}

/* --- signals
 * ------------------------------------------------------------------------------------------- */

static void reload(Daemon *d)
{
    _cleanup_(config_freep) Config *config = NULL;
    ConfigError error = {};

    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
            (unsigned long long)(clock_monotonic_ns() / NSEC_PER_USEC));
    if (daemon_load_config(d->options, &config, &error) < 0 ||
            control_reload(d->control, config, &error) < 0) {
        report_simple(d->report, JOURNAL_RELOAD_REFUSED, LOG_ERR,
                "Configuration refused, the old one stays: %s", error.message);
    } else {
        http_server_reload(d->http, config);
        config_free(d->config);
        d->config = TAKE_PTR(config);
        on_watchers(d->watchers, d);
        follow_configuration(d);
        report_simple(d->report, JOURNAL_RELOADED, LOG_INFO, "Configuration reloaded");
    }
    sd_notify(0, "READY=1");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    Daemon *d = userdata;

    if (info->ssi_signo == SIGHUP)
        reload(d);
    else if (info->ssi_signo == SIGUSR1)
        log_info("Flushed %d flows", on_flush(d));
    else
        sd_event_exit(d->event, 0);
    return 0;
}

static int watch_signals(Daemon *d)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigset_t mask;
    int r = 0;

    sigemptyset(&mask);
    for (size_t i = 0; i < ELEMENTSOF(signals); i++)
        sigaddset(&mask, signals[i]);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
        r = sd_event_add_signal(d->event, NULL, signals[i], on_signal, d);
    return r;
}

/* --- construction
 * ---------------------------------------------------------------------------------------- */

static int make_datapath(Daemon *d, ConfigError *error)
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

static int make_read_side(Daemon *d)
{
    const Config *c = d->config;
    FlowTimeouts timeouts = {c->flows.tcp_idle_sec * NSEC_PER_SEC,
            c->flows.other_idle_sec * NSEC_PER_SEC, c->flows.active_sec * NSEC_PER_SEC,
            c->flows.closed_linger_sec * NSEC_PER_SEC};
    int r = flow_table_new(c->flows.capacity, &timeouts, on_delta, d, &d->flows);

    if (r >= 0)
        r = stats_new(c->stats.addresses_max, d->started_ns, &d->stats);
    if (r >= 0)
        r = scanner_new(d->datapath, d->flows, &d->scanner);
    if (r >= 0)
        r = journal_new(d->event, &d->journal);
    if (r >= 0)
        r = report_new(d->journal, d->datapath->ops->slots(d->datapath), &d->report);
    return r;
}

static int make_http(Daemon *d, ConfigError *error)
{
    HttpContext context = {.config = d->config,
            .control = d->control,
            .flows = d->flows,
            .stats = d->stats,
            .mode = d->datapath->ops->mode,
            .started_monotonic_ns = d->started_ns,
            .datapath_memory_bytes = on_memory,
            .journal_lost = on_journal_lost,
            .flush_flows = on_flush,
            .watchers_changed = on_watchers,
            .access_denied = on_denied,
            .userdata = d};

    return http_server_new(
            d->event, &context, d->passed.sockets, d->passed.n_sockets, &d->http, error);
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

/* Nothing to watch is an error at start: better said now than found out later. */
static int attach_interfaces(Daemon *d, ConfigError *error)
{
    LinkWatchObserver observer = {
            {on_attached, on_detached, on_attach_failed, on_counted_twice, on_attachments, d},
            on_addresses_changed, d};
    size_t wanted;
    int r;

    if (d->options->mock)
        return attach_mock(d);
    r = link_watch_new(d->event, d->datapath, &d->config->network.interfaces, &observer, &d->links);
    if (r >= 0)
        r = link_watch_update(d->links);
    if (r != 0)
        return r;
    link_watch_attachments(d->links, &wanted);
    snprintf(error->message, sizeof(error->message),
            "no interface to watch: %s; `ip link` lists them",
            wanted > 0 ? "could attach to none of those that match network.interfaces"
                       : "none matches network.interfaces (or --interface)");
    return -ENODEV;
}

static void announce(const Daemon *d)
{
    uint16_t port = http_server_port(d->http);

    log_notice("ntc %s (%s) at http://localhost:%u/", NTC_VERSION, d->datapath->ops->mode, port);
    sd_notifyf(0, "READY=1\nSTATUS=%s, http port %u", d->datapath->ops->mode, port);
}

static int construct(Daemon *d, ConfigError *error)
{
    ControlObserver observer = {on_list_changed, on_storage_failed, d};
    StoreReport state = {};
    int r = sd_event_default(&d->event);

    if (r >= 0)
        r = watch_signals(d);
    passed_fds_collect(&d->passed);
    if (r >= 0)
        r = make_datapath(d, error);
    if (r >= 0)
        r = fd_store_new(&d->passed, &d->fd_store);
    passed_fds_close(&d->passed);
    if (r >= 0)
        r = make_read_side(d);
    if (r >= 0)
        r = d->datapath->ops->set_ssh_ports(
                d->datapath, d->config->lists.ssh_ports, d->config->lists.n_ssh_ports);
    if (r >= 0)
        r = control_new(d->event, d->config, d->datapath, &observer, &d->control, &state, error);
    if (r >= 0)
        report_state_file(d->report, d->config->persistence.path, &state);
    if (r >= 0)
        r = make_http(d, error);
    if (r >= 0)
        r = attach_interfaces(d, error);
    if (r < 0)
        return r;
    datapath_handover_done(d->datapath);
    fd_store_sync(d->fd_store, d->datapath);
    return start_scanning(d);
}

int daemon_detach(void)
{
    int r = 0;

#if HAVE_BPF
    r = datapath_bpf_detach_all();
#endif
    if (r < 0) {
        log_error("Could not remove all of ntc's filters: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    log_info("Removed %d filters", r);
    return EXIT_SUCCESS;
}

int daemon_run(const DaemonOptions *options, Config *config)
{
    _cleanup_(daemon_done)
            Daemon d = {.options = options, .config = config, .started_ns = clock_monotonic_ns()};
    ConfigError error = {};
    int r;

    setenv("TZ", config->server.timezone[0] ? config->server.timezone : "UTC", 1);
    tzset();
    r = construct(&d, &error);
    if (r < 0) {
        log_error("Could not start: %s", error.message[0] ? error.message : strerror(-r));
        return EXIT_FAILURE;
    }
    sd_event_set_watchdog(d.event, true);
    announce(&d);
    report_simple(d.report, JOURNAL_STARTED, LOG_INFO, "ntc %s started", NTC_VERSION);
    r = sd_event_loop(d.event);
    sd_notify(0, "STOPPING=1");
    report_simple(d.report, JOURNAL_STOPPED, LOG_INFO, "ntc stopped");
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
