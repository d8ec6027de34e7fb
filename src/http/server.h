/* SPDX-License-Identifier: MIT */
#pragma once

/* HTTP on the event loop: listening sockets of ours, and libmicrohttpd in epoll mode behind them,
 * without threads.
 *
 * In: requests. Out: answers made from const views of stats, flows and lists; wishes handed to
 * control. Routes are one table (routes.c); who may what is decided in access.c; live events in
 * sse.c. Reads the datapath never. */

#include "config/config.h"
#include "control/control.h"
#include "detect/alert-log.h"
#include "detect/detect.h"
#include "flow/flow-table.h"
#include "stats/stats.h"

#include <systemd/sd-event.h>

/* Of its event sources: packets, timers and the bus come first. */
#define HTTP_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

typedef struct HttpServer HttpServer;

/* What routes may look at and ask for. All borrowed, outliving the server. */
typedef struct HttpContext {
    const Config *config; /* replaced by http_server_reload() */
    Control *control;
    const FlowTable *flows;
    const Stats *stats;
    const Detect *detect;
    const AlertLog *alerts;
    const char *mode; /* "bpf", "mock" */
    uint64_t started_monotonic_ns;
    uint64_t event_base; /* an event's number is this one and how many packets were shown so far */
    uint64_t (*datapath_memory_bytes)(void *userdata);
    uint64_t (*journal_lost)(void *userdata);
    uint64_t (*bus_signals_lost)(void *userdata);
    /* `found` is called once, with `found_userdata`, at once or later; on -errno it won't be. */
    int (*find_alerts)(
            const AlertQuery *query, AlertsFoundFn found, void *found_userdata, void *userdata);
    /* Returns how many, or -errno. */
    int (*flush_flows)(const Caller *caller, void *userdata);
    void (*watchers_changed)(unsigned n, void *userdata); /* clients of /events: 0 = nobody looks */
    void (*access_denied)(const Caller *caller, const char *what, void *userdata);
    void *userdata;
} HttpContext;

/* Listens as the config says, or on `fds` (already listening sockets, taken over) if n_fds > 0. On
 * failure `error` names the address and what to do. */
int http_server_new(sd_event *event, const HttpContext *context, const int *fds, size_t n_fds,
        HttpServer **ret, ConfigError *error);
HttpServer *http_server_free(HttpServer *server);
DEFINE_CLEANUP(HttpServer *, http_server_free);

/* `config` replaces the one before, which may then be freed; listening sockets and buffers stay as
 * they are. -errno with `error` (a bad token file): nothing changed. */
int http_server_reload(HttpServer *server, const Config *config, ConfigError *error);
/* The TCP port in use (for --port 0 and for the printed URL); 0 if there is none. */
uint16_t http_server_port(const HttpServer *server);

/* One packet for the live view. Cheap when nobody watches. */
void http_server_push_event(HttpServer *server, const PacketEvent *event);
/* After a scan: packets that were counted but will not be shown as events (NONIP aside) since the
 * last call are told to the clients as a gap. */
void http_server_push_gap(HttpServer *server, uint64_t packets);
/* One alert for the live view, by its number in the log. */
void http_server_push_alert(HttpServer *server, uint64_t number);
