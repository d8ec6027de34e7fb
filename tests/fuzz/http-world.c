/* SPDX-License-Identifier: MIT */
#include "http-world.h"

#include "base/clock.h"
#include "base/log.h"
#include "datapath/datapath.h"
#include "http/server.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct World {
    sd_event *event;
    Config *config;
    Datapath *datapath;
    Control *control;
    FlowTable *flows;
    Stats *stats;
    Detect *detect;
    AlertLog *alerts;
    HttpServer *http;
    char folder[64];
    struct sockaddr_un address;
} w;

static void on_packet(const PacketEvent *event, void *userdata)
{
}

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    stats_add_delta(w.stats, delta, now_ns);
}

static uint64_t on_number(void *userdata)
{
    return 4096;
}

static int on_flush(const Caller *caller, void *userdata)
{
    return 7;
}

static int on_find_alerts(
        const AlertQuery *query, AlertsFoundFn found, void *found_userdata, void *userdata)
{
    AlertPage page = {.source = ALERTS_MEMORY};

    found(0, &page, found_userdata);
    return 0;
}

static void add_flows(void)
{
    uint64_t now = clock_monotonic_ns();

    flow_table_scan_begin(w.flows, now);
    for (unsigned i = 0; i < 200; i++) {
        FlowSample sample = {.packets = i + 1,
                .bytes = 100ULL * i,
                .first_seen_ns = now,
                .last_seen_ns = now,
                .action = (uint8_t)(i % _ACTION_MAX)};

        sample.key.protocol = i % 3 == 0 ? 6 : 17;
        sample.key.sport = (uint16_t)(1000 + i);
        sample.key.dport = 443;
        CHECK(address_parse(i % 2 ? "192.0.2.1" : "2001:db8::1", &sample.key.src) == 0);
        CHECK(address_parse(i % 2 ? "198.51.100.9" : "2001:db8::9", &sample.key.dst) == 0);
        CHECK(flow_table_add(w.flows, &sample, now) == 0);
    }
    flow_table_scan_end(w.flows, now);
}

static void make_read_side(void)
{
    FlowTimeouts timeouts = {
            120 * NSEC_PER_SEC, 30 * NSEC_PER_SEC, 1800 * NSEC_PER_SEC, NSEC_PER_SEC};
    Attachment attachment = {
            .ifindex = 1, .interface = "lo", .attached = {true, false}, .hook = "mock"};

    CHECK(stats_new(1024, clock_monotonic_ns(), &w.stats) == 0);
    stats_set_attachments(w.stats, &attachment, 1);
    CHECK(flow_table_new(1024, &timeouts, on_delta, NULL, &w.flows) == 0);
    CHECK(detect_new(&w.config->detect, w.flows, &(DetectObserver){}, &w.detect) == 0);
    CHECK(alert_log_new(4, &w.alerts) == 0);
    add_flows();
}

static int listen_here(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    w.address.sun_family = AF_UNIX;
    snprintf(w.address.sun_path, sizeof(w.address.sun_path), "%s/http.sock", w.folder);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&w.address, sizeof(w.address)) == 0);
    CHECK(listen(fd, 8) == 0);
    return fd;
}

static void start_http(void)
{
    int fd = listen_here();
    ConfigError error = {};
    HttpContext context = {.config = w.config,
            .control = w.control,
            .flows = w.flows,
            .stats = w.stats,
            .detect = w.detect,
            .alerts = w.alerts,
            .find_alerts = on_find_alerts,
            .mode = "mock",
            .started_monotonic_ns = clock_monotonic_ns(),
            .datapath_memory_bytes = on_number,
            .journal_lost = on_number,
            .flush_flows = on_flush};

    CHECK(http_server_new(w.event, &context, &fd, 1, &w.http, &error) == 0);
}

static void stop(void)
{
    char path[96];

    http_server_free(w.http);
    control_free(w.control);
    datapath_free(w.datapath);
    alert_log_free(w.alerts);
    detect_free(w.detect);
    flow_table_free(w.flows);
    stats_free(w.stats);
    config_free(w.config);
    sd_event_unref(w.event);
    (void)unlink(w.address.sun_path);
    snprintf(path, sizeof(path), "%s/lists.json", w.folder);
    (void)unlink(path);
    (void)rmdir(w.folder);
}

static void start(void)
{
    MockOptions mock = {.packets_per_second = 0, .seed = 1};
    DatapathLimits limits = {1024, 1024, 64, 65536};
    StoreReport report;
    ConfigError error = {};

    if (w.http)
        return;
    snprintf(w.folder, sizeof(w.folder), "%s/ntc-fuzz-XXXXXX",
            access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(w.folder) && sd_event_new(&w.event) >= 0);
    w.config = config_new_default();
    CHECK(w.config);
    free(w.config->persistence.path);
    CHECK(asprintf(&w.config->persistence.path, "%s/lists.json", w.folder) > 0);
    w.config->server.body_max_bytes = 1000;
    w.config->lists.capacity = CONFIG_LIST_MIN;
    CHECK(datapath_new_mock(w.event, &limits, &mock, on_packet, NULL, &w.datapath) == 0);
    make_read_side();
    CHECK(control_new(w.event, w.config, w.datapath, NULL, &w.control, &report, &error) == 0);
    start_http();
    atexit(stop);
}

/* False: nothing happened for a while. */
static bool turn(void)
{
    int r = sd_event_run(w.event, 100 * USEC_PER_MSEC);

    CHECK(r >= 0);
    return r > 0;
}

/* What has come. False: nothing more will. */
static bool receive(int fd, TextBuffer *answer)
{
    char buffer[16384];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
        text_append_bytes(answer, buffer, (size_t)n);
    return n < 0 && errno == EAGAIN;
}

static void send_all(int fd, const TextBuffer *request)
{
    for (size_t done = 0; done < request->size;) {
        ssize_t n =
                send(fd, request->data + done, request->size - done, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN)
            return; /* it hung up: what it said is still to be read */
        if (n < 0)
            turn();
        else
            done += (size_t)n;
    }
}

void http_world_exchange(const TextBuffer *request, bool then_hang_up, TextBuffer *ret_answer)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint64_t end = clock_monotonic_ns() + 20 * NSEC_PER_SEC;

    start();
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&w.address, sizeof(w.address)) == 0);
    send_all(fd, request);
    /* libmicrohttpd must have taken the bytes, or it would not notice the end after them. */
    for (int turns = 0; then_hang_up && turns < 2; turns++)
        turn();
    while (receive(fd, ret_answer)) {
        CHECK(clock_monotonic_ns() < end); /* answered, or cut off: never left waiting */
        if (then_hang_up || !turn())
            (void)shutdown(fd, SHUT_WR);
        then_hang_up = false;
    }
}

static void on_removed(const CommandResult *result, void *userdata)
{
    bool *done = userdata;

    CHECK(result->error == CONTROL_OK);
    *done = true;
}

static void remove_first(const List *list)
{
    char text[PREFIX_TEXT_MAX];
    Command command = {.list = list_id(list),
            .verb = COMMAND_REMOVE,
            .address = prefix_format(&list_first(list)->prefix, text)};
    bool done = false;

    CHECK(control_submit(w.control, &command, NULL, on_removed, &done) == 0);
    while (!done)
        turn();
}

void http_world_empty_lists(void)
{
    for (ListId id = 0; id < _LIST_MAX; id++)
        while (list_count(control_list(w.control, id)) > 0)
            remove_first(control_list(w.control, id));
}
