/* SPDX-License-Identifier: MIT */
#include "http-daemon.h"
#include "leaks.h"

#include <string.h>

enum { ALERTS_MAX = 4 };

#define MUST(condition) must(condition, __LINE__, #condition)

static void must(bool ok, int line, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "http-daemon.c:%d: not so: %s\n", line, what);
    abort();
}

static void on_packet(const PacketEvent *event, void *userdata)
{
}

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    World *w = userdata;

    stats_add_delta(w->stats, delta, now_ns);
}

static uint64_t on_memory(void *userdata)
{
    return 4096;
}

static uint64_t on_lost(void *userdata)
{
    return 3;
}

static int on_flush(const Caller *caller, void *userdata)
{
    World *w = userdata;

    w->flushes++;
    return 7;
}

static int on_find_alerts(
        const AlertQuery *query, AlertsFoundFn found, void *found_userdata, void *userdata)
{
    World *w = userdata;
    Alert alerts[ALERTS_MAX];
    AlertPage page = {.source = ALERTS_VOLATILE_JOURNAL, .alerts = alerts};

    w->found = found;
    w->found_userdata = found_userdata;
    if (w->alerts_answer != 0)
        return MIN_OF(w->alerts_answer, 0);
    page.count = alert_log_find(w->alerts, query, alerts, &page.truncated);
    found(0, &page, found_userdata);
    return 0;
}

static void on_watchers(unsigned n, void *userdata)
{
    World *w = userdata;

    w->watchers = n;
}

static void on_denied(const Caller *caller, const char *what, void *userdata)
{
    World *w = userdata;

    w->denied++;
}

static Config *make_config(const char *folder)
{
    Config *config = config_new_default();
    char *path;

    MUST(config);
    MUST(asprintf(&path, "%s/lists.json", folder) > 0);
    free(config->persistence.path);
    config->persistence.path = path;
    config->server.port = 0;
    config->server.body_max_bytes = 1000;
    config->server.sse_clients_max = 2;
    config->events.buffer = 64;
    config->stats.top = 10;
    return config;
}

static void make_read_side(World *w)
{
    FlowTimeouts timeouts = {
            120 * NSEC_PER_SEC, 30 * NSEC_PER_SEC, 1800 * NSEC_PER_SEC, NSEC_PER_SEC};
    Attachment attachment = {
            .ifindex = 1, .interface = "mock\"0", .attached = {true, false}, .hook = "mock"};

    MUST(stats_new(1024, clock_monotonic_ns(), &w->stats) == 0);
    stats_set_attachments(w->stats, &attachment, 1);
    MUST(flow_table_new(1024, &timeouts, on_delta, w, &w->flows) == 0);
    MUST(detect_new(&w->config->detect, w->flows, &(DetectObserver){}, &w->detect) == 0);
    MUST(alert_log_new(ALERTS_MAX, &w->alerts) == 0);
}

void start_http(World *w, const int *fds, size_t n_fds)
{
    ConfigError error = {};
    HttpContext context = {.config = w->config,
            .control = w->control,
            .flows = w->flows,
            .stats = w->stats,
            .detect = w->detect,
            .alerts = w->alerts,
            .find_alerts = on_find_alerts,
            .mode = "mock",
            .started_monotonic_ns = clock_monotonic_ns(),
            .event_base = w->event_base,
            .datapath_memory_bytes = on_memory,
            .journal_lost = on_lost,
            .flush_flows = on_flush,
            .watchers_changed = on_watchers,
            .access_denied = on_denied,
            .userdata = w};

    MUST(http_server_new(w->event, &context, fds, n_fds, &w->http, &error) == 0);
}

World *world_new_unstarted(void)
{
    World *w = calloc(1, sizeof(*w));
    MockOptions mock = {.packets_per_second = 0, .seed = 1};
    DatapathLimits limits = {1024, 1024, 64, 65536};
    StoreReport report;
    ConfigError error = {};

    MUST(w);
    snprintf(w->folder, sizeof(w->folder), "%s/ntc-http-XXXXXX",
            access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(w->folder));
    MUST(sd_event_new(&w->event) >= 0);
    w->config = make_config(w->folder);
    MUST(datapath_new_mock(w->event, &limits, &mock, on_packet, w, &w->datapath) == 0);
    make_read_side(w);
    w->config->lists.capacity = 1024;
    MUST(control_new(w->event, w->config, w->datapath, NULL, &w->control, &report, &error) == 0);
    return w;
}

void world_free(World *w)
{
    char command[128];

    http_server_free(w->http);
    control_free(w->control);
    datapath_free(w->datapath);
    alert_log_free(w->alerts);
    detect_free(w->detect);
    flow_table_free(w->flows);
    stats_free(w->stats);
    config_free(w->config);
    sd_event_unref(w->event);
    snprintf(command, sizeof(command), "rm -rf %s", w->folder);
    MUST(system(command) == 0);
    free(w->response);
    free(w);
    abort_on_leaks();
}

void turn(World *w, uint64_t msec)
{
    uint64_t end = clock_monotonic_ns() + msec * NSEC_PER_MSEC;

    while (clock_monotonic_ns() < end)
        sd_event_run(w->event, 2 * USEC_PER_MSEC);
}
