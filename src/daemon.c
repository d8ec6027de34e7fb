/* SPDX-License-Identifier: MIT */
/* Construction order: datapath, flows, stats, detection, scanner, journal, control, http, bus,
 * attachments, READY. The datapath attaches last, when the lists are already in it: not one packet
 * is judged by empty lists. Destruction mirrors it. */

#include "daemon-internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

/* A unit that sets this also calls `ntc --detach` when the service stops for good. */
static bool another_goes_on(void)
{
    return getenv("NTC_HANDOVER") != NULL;
}

static void daemon_done(Daemon *d)
{
    sd_event_source_disable_unref(d->scan_step);
    sd_event_source_disable_unref(d->scan_timer);
    link_watch_free(d->links);
    d->bus = bus_server_free(d->bus); /* what control still tells at its end finds nobody */
    d->http = http_server_free(d->http);
    control_free(d->control);
    scanner_free(d->scanner);
    datapath_free(d->datapath);
    fd_store_free(d->fd_store);
    passed_fds_close(&d->passed);
    alert_history_free(d->history);
    repeaters_free(d->repeaters);
    alert_log_free(d->alerts);
    detect_free(d->detect);
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
        if (string_list_add(&config->network.interfaces, options->interfaces.items[i]) < 0) {
            snprintf(error->message, sizeof(error->message), "out of memory");
            return -ENOMEM;
        }
    *ret = TAKE_PTR(config);
    return 0;
}

static void announce(const Daemon *d)
{
    uint64_t maps_bytes = d->datapath->ops->memory_bytes(d->datapath);
    uint16_t port = http_server_port(d->http);

    log_notice("ntc %s (%s) at http://localhost:%u/", NTC_VERSION, d->datapath->ops->mode, port);
    if (maps_bytes > 0)
        log_info("The kernel's maps take up to %.1f MiB (lists.capacity, flows.capacity)",
                (double)maps_bytes / (1024.0 * 1024.0));
    sd_notifyf(0, "READY=1\nSTATUS=%s, http port %u", d->datapath->ops->mode, port);
}

static int construct(Daemon *d, ConfigError *error)
{
    ControlObserver observer = {on_list_changed, on_feeds_changed, on_storage_failed, d};
    StoreReport state = {};
    int r = sd_event_default(&d->event);

    if (r >= 0)
        r = watch_signals(d);
    passed_fds_collect(&d->passed);
    if (r >= 0)
        r = make_datapath(d, error);
    if (r >= 0 && another_goes_on())
        datapath_leave_attached(d->datapath);
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
        r = make_bus(d);
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
        tell_failed_start(&d, r, &error);
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
