/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the daemon*.c files and nobody else: the composition root and its wires. */

#include "daemon.h"

#include "bus/bus.h"
#include "control/control.h"
#include "datapath/datapath.h"
#include "datapath/link-watch.h"
#include "detect/alert-log.h"
#include "detect/detect.h"
#include "detect/repeaters.h"
#include "fd-store.h"
#include "flow/scanner.h"
#include "http/server.h"
#include "journal/alert-history.h"
#include "journal/journal.h"
#include "report.h"
#include "stats/stats.h"

#include <systemd/sd-event.h>

typedef struct Daemon {
    const DaemonOptions *options;
    Config *config;
    sd_event *event;
    PassedFds passed;
    FdStore *fd_store;
    Datapath *datapath;
    FlowTable *flows;
    Stats *stats;
    Detect *detect;
    AlertLog *alerts;
    AlertHistory *history;
    Repeaters *repeaters;
    Scanner *scanner;
    Journal *journal;
    Report *report;
    Control *control;
    HttpServer *http;
    BusServer *bus;
    LinkWatch *links; /* NULL with --mock */
    sd_event_source *scan_timer;
    sd_event_source *scan_step;
    ScanTime scan_time; /* of the running scan */
    unsigned watchers;
    uint64_t hidden_packets; /* at the last gap told */
    uint64_t started_ns;
} Daemon;

/* daemon-make.c: the modules, in the order in which daemon.c makes them. -errno; what takes an
 * `error` fills it where there is something to be said to the user. */
int make_datapath(Daemon *d, ConfigError *error);
/* From the flow table to whoever tells what is in it: flows, statistics, detection, journal. */
int make_read_side(Daemon *d);
int make_http(Daemon *d, ConfigError *error);
int make_bus(Daemon *d);
int attach_interfaces(Daemon *d, ConfigError *error);

/* daemon-wires.c: what the modules tell each other. Each is a callback of one module, with the
 * Daemon as its userdata, that hands on to others. */
void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata);
void on_packet(const PacketEvent *event, void *userdata);
void on_watchers(unsigned n, void *userdata);
uint64_t on_memory(void *userdata);
uint64_t on_journal_lost(void *userdata);
uint64_t on_bus_signals_lost(void *userdata);
uint16_t on_http_port(void *userdata);
int on_flush(const Caller *caller, void *userdata);
void on_denied(const Caller *caller, const char *what, void *userdata);
void on_list_changed(const ListEvent *event, void *userdata);
void on_feeds_changed(const FeedsReport *report, void *userdata);
void on_storage_failed(const char *path, int error, size_t undone, void *userdata);
void on_attached(const char *interface, void *userdata);
void on_detached(const char *interface, DetachReason reason, void *userdata);
void on_attach_failed(const char *interface, int error, void *userdata);
void on_counted_twice(const char *interface, const char *other, void *userdata);
void on_attachments(const Attachment *items, size_t count, void *userdata);
void on_addresses_changed(void *userdata);
/* Packets counted but not shown as events, NONIP aside. */
uint64_t hidden_packets(const Counters *counters);

/* daemon-alerts.c: the same for alerts. */
void on_alert(const Alert *alert, void *userdata);
bool on_exempt(const Address *source, void *userdata);
int on_find_alerts(
        const AlertQuery *query, AlertsFoundFn found, void *found_userdata, void *userdata);

/* daemon-scan.c: begins to scan, every flows.scan_interval_ms from now on. */
int start_scanning(Daemon *d);

/* daemon-signals.c: SIGTERM and SIGINT end, SIGHUP reloads, SIGUSR1 flushes. */
int watch_signals(Daemon *d);

/* daemon.c */
FlowTimeouts flow_timeouts(const Config *config);

/* daemon-reload.c: a callback like those above. On failure the old configuration stays, and `error`
 * tells why. */
int on_reload(ConfigError *error, void *userdata);

/* daemon-failure.c: `details` may be empty. */
void tell_failed_start(const Daemon *d, int error, const ConfigError *details);
