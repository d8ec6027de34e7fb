/* SPDX-License-Identifier: MIT */
/* A whole server in this process, with the mock datapath and a real state file, spoken to over raw
 * sockets. Everything is single-threaded: the client's socket is non-blocking, and the loop turns
 * while it waits. */

#include "base/clock.h"
#include "base/json.h"
#include "datapath/datapath.h"
#include "http/event-ring.h"
#include "http/host.h"
#include "http/json-out.h"
#include "http/metric-text.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

typedef struct World {
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
    char *response; /* of the last exchange */
    unsigned watchers, denied, flushes;
    int alerts_answer; /* 0: at once, 1: when the test says so, -errno: not at all */
    AlertsFoundFn found;
    void *found_userdata;
} World;

/* --- the world
 * --------------------------------------------------------------------------------------- */

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
    Alert alerts[8];
    AlertPage page = {.source = ALERTS_VOLATILE_JOURNAL, .alerts = alerts};

    w->found = found;
    w->found_userdata = found_userdata;
    if (w->alerts_answer != 0)
        return MIN_OF(w->alerts_answer, 0);
    cr_assert_leq(query->limit, 8);
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

    cr_assert(config);
    cr_assert_gt(asprintf(&path, "%s/lists.json", folder), 0);
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

    cr_assert_eq(stats_new(1024, clock_monotonic_ns(), &w->stats), 0);
    stats_set_attachments(w->stats, &attachment, 1);
    cr_assert_eq(flow_table_new(1024, &timeouts, on_delta, w, &w->flows), 0);
    cr_assert_eq(detect_new(&w->config->detect, w->flows, &(DetectObserver){}, &w->detect), 0);
    cr_assert_eq(alert_log_new(4, &w->alerts), 0);
}

static void start_http(World *w, const int *fds, size_t n_fds)
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
            .datapath_memory_bytes = on_memory,
            .journal_lost = on_lost,
            .flush_flows = on_flush,
            .watchers_changed = on_watchers,
            .access_denied = on_denied,
            .userdata = w};

    cr_assert_eq(http_server_new(w->event, &context, fds, n_fds, &w->http, &error), 0, "%s",
            error.message);
}

static World *world_new_unstarted(void)
{
    World *w = calloc(1, sizeof(*w));
    MockOptions mock = {.packets_per_second = 0, .seed = 1};
    DatapathLimits limits = {1024, 1024, 64, 65536};
    StoreReport report;
    ConfigError error = {};

    strcpy(w->folder, "/tmp/ntc-http-XXXXXX");
    cr_assert(mkdtemp(w->folder));
    cr_assert_geq(sd_event_new(&w->event), 0);
    w->config = make_config(w->folder);
    cr_assert_eq(datapath_new_mock(w->event, &limits, &mock, on_packet, w, &w->datapath), 0);
    make_read_side(w);
    w->config->lists.capacity = 1024;
    cr_assert_eq(control_new(w->event, w->config, w->datapath, NULL, &w->control, &report, &error),
            0, "%s", error.message);
    return w;
}

static World *world_new(void)
{
    World *w = world_new_unstarted();

    cr_assert_eq(string_list_add(&w->config->server.listen, "127.0.0.1"), 0);
    start_http(w, NULL, 0);
    cr_assert_gt(http_server_port(w->http), 0);
    return w;
}

static void world_free(World *w)
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
    cr_assert_eq(system(command), 0);
    free(w->response);
    free(w);
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}

static void turn(World *w, uint64_t msec)
{
    uint64_t end = clock_monotonic_ns() + msec * NSEC_PER_MSEC;

    while (clock_monotonic_ns() < end)
        sd_event_run(w->event, 2 * USEC_PER_MSEC);
}

/* --- the client
 * -------------------------------------------------------------------------------------- */

static int dial_to(const char *ip, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(inet_pton(AF_INET, ip, &to.sin_addr), 1);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int dial(World *w)
{
    return dial_to("127.0.0.1", http_server_port(w->http));
}

static void send_all(World *w, int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return; /* the server hung up: what it said is still to be read */
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
        sd_event_run(w->event, 1000);
    }
}

/* Reads until the server closes, or until `until` was read, at most for five seconds. */
static const char *receive(World *w, int fd, const char *until)
{
    uint64_t end = clock_monotonic_ns() + 5 * NSEC_PER_SEC;
    TextBuffer text = {};
    char buffer[65536];

    while (clock_monotonic_ns() < end) {
        ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

        if (n > 0)
            text_append_bytes(&text, buffer, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            break;
        if (until && text.data && strstr(text.data, until))
            break;
        sd_event_run(w->event, 2 * USEC_PER_MSEC);
    }
    free(w->response);
    w->response = text.data ? text.data : strdup("");
    return w->response;
}

static const char *exchange_bytes(World *w, const char *request, size_t size)
{
    _cleanup_close_ int fd = dial(w);

    send_all(w, fd, request, size);
    return receive(w, fd, NULL);
}

static const char *exchange(World *w, const char *request)
{
    return exchange_bytes(w, request, strlen(request));
}

static int status_of(const char *response)
{
    return strncmp(response, "HTTP/1.1 ", 9) == 0 || strncmp(response, "HTTP/1.0 ", 9) == 0
                   ? atoi(response + 9)
                   : 0;
}

static const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");

    return end ? end + 4 : "";
}

static int request(
        World *w, const char *method, const char *target, const char *headers, const char *body)
{
    _cleanup_free_ char *text = NULL;
    char length[64] = "";

    if (body)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(body));
    cr_assert_gt(
            asprintf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s%s\r\n%s",
                    method, target, headers, length, body ? body : ""),
            0);
    return status_of(exchange(w, text));
}

#define JSON "Content-Type: application/json\r\n"

static int get(World *w, const char *target)
{
    return request(w, "GET", target, "", NULL);
}

static int post(World *w, const char *target, const char *body)
{
    return request(w, "POST", target, JSON, body);
}

static json_object *body_json(World *w)
{
    json_object *object = NULL;
    const char *body = body_of(w->response), *error = "";

    cr_assert_eq(
            json_parse_strict(body, strlen(body), 8, &object, &error), 0, "%s: %s", error, body);
    return object;
}

static bool says(World *w, const char *text)
{
    return strstr(w->response, text) != NULL;
}

/* Every refusal has the same three members. */
static void assert_error(World *w, int status, const char *code)
{
    _cleanup_json_ json_object *object = NULL;
    const char *error = NULL, *message = NULL;
    bool ok = true;

    cr_assert_eq(status_of(w->response), status, "wanted %d: %s", status, w->response);
    object = body_json(w);
    cr_assert_eq(json_get_bool(object, "ok", &ok), 1);
    cr_assert_not(ok);
    cr_assert_eq(json_get_string(object, "error", &error), 1);
    cr_assert_str_eq(error, code);
    cr_assert_eq(json_get_string(object, "message", &message), 1);
    cr_assert_gt(strlen(message), 5);
}

/* --- reading
 * ----------------------------------------------------------------------------------------- */

Test(http, everything_readable_answers)
{
    static const char *const targets[] = {"/", "/metrics", "/blacklist", "/whitelist", "/flows",
            "/talkers", "/history", "/alerts?limit=5", "/status", "/healthz"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
        cr_assert_eq(get(w, targets[i]), 200, "%s: %s", targets[i], w->response);
        cr_assert(says(w, "Content-Security-Policy: default-src 'self'"));
        cr_assert(says(w, "X-Content-Type-Options: nosniff"));
        cr_assert(says(w, "Referrer-Policy: no-referrer"));
        cr_assert_not(says(w, "Access-Control-"));
        if (i >= 2)
            json_object_put(body_json(w));
        cr_assert_eq(request(w, "HEAD", targets[i], "", NULL), 200);
        cr_assert_str_empty(body_of(w->response));
    }
    world_free(w);
}

/* The web UI or, without it, a list: either way. */
Test(http, the_index_leads_on_and_has_nothing_inline)
{
    World *w = world_new();

    cr_assert_eq(get(w, "/?utm=1"), 200);
    cr_assert(says(w, "Content-Type: text/html"));
    cr_assert(says(w, "<a href=\"/blacklist\">"));
    cr_assert(says(w, "<a href=\"/metrics\">"));
    cr_assert_not(says(w, "<script>"));
    cr_assert_not(says(w, "style="));
    world_free(w);
}

/* What the web UI's files are named only its build knows; tests/web looks at them. */
Test(http, no_file_but_the_embedded_ones)
{
    static const char *const paths[] = {"/assets/*", "/assets/", "/assets/../config.yaml",
            "/index.html", "//", "/etc/passwd", "/%2e%2e/config.yaml"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
        get(w, paths[i]);
        assert_error(w, 404, "not-found");
    }
    world_free(w);
}

Test(http, unknown_paths_and_methods)
{
    World *w = world_new();

    get(w, "/nothing");
    assert_error(w, 404, "not-found");
    get(w, "/blacklist/");
    assert_error(w, 404, "not-found");
    get(w, "/%62lacklist");
    assert_error(w, 404, "not-found");
    request(w, "PUT", "/blacklist", JSON, "{}");
    assert_error(w, 405, "method-not-allowed");
    cr_assert(says(w, "Allow: GET, HEAD, POST, DELETE\r\n"));
    request(w, "DELETE", "/status", "", NULL);
    assert_error(w, 405, "method-not-allowed");
    cr_assert(says(w, "Allow: GET, HEAD\r\n"));
    get(w, "/flows/flush");
    assert_error(w, 405, "method-not-allowed");
    cr_assert(says(w, "Allow: POST\r\n"));
    request(w, "OPTIONS", "/flows", "", NULL);
    assert_error(w, 405, "method-not-allowed");
    world_free(w);
}

Test(http, queries_are_read_strictly)
{
    static const char *const bad[] = {"/blacklist?limt=1", "/blacklist?limit=1&limit=2",
            "/blacklist?limit=-1", "/blacklist?limit=", "/blacklist?limit=999999",
            "/blacklist?q=a%00b", "/flows?sort=colour", "/flows?src=10.0.0.1/8", "/flows?proto=XYZ",
            "/flows?action=EAT", "/talkers?limit=x", "/talkers?ip=10.0.0.0/8", "/flows?ip=x",
            "/flows?port=65536", "/blacklist?order=random", "/history?limit=601", "/status?x=1"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        get(w, bad[i]);
        assert_error(w, 400, "bad-request");
    }
    cr_assert_eq(get(w, "/blacklist?limit=5&offset=1&q=x"), 200);
    world_free(w);
}

static FlowSample sample(
        const char *src, const char *dst, uint16_t dport, uint64_t packets, uint64_t bytes)
{
    uint64_t now = clock_monotonic_ns();
    FlowSample s = {.packets = packets, .bytes = bytes, .first_seen_ns = now, .last_seen_ns = now};

    cr_assert_eq(address_parse(src, &s.key.src), 0);
    cr_assert_eq(address_parse(dst, &s.key.dst), 0);
    s.key.sport = 40000;
    s.key.dport = dport;
    s.key.ifindex = 1;
    s.key.protocol = 6;
    s.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
    s.syn_packets = 1;
    return s;
}

static void add_flows(World *w)
{
    uint64_t now = clock_monotonic_ns();
    char src[32];

    flow_table_scan_begin(w->flows, now);
    for (unsigned i = 1; i <= 200; i++) {
        snprintf(src, sizeof(src), "10.0.%u.%u", i % 2, i);
        FlowSample s = sample(src, "192.0.2.1", (uint16_t)i, i * 7 % 201, 100000 - i);
        s.action = i % 10 == 0 ? ACTION_DROP : ACTION_PASS;
        s.key.protocol = i % 5 == 0 ? 17 : 6;
        cr_assert_eq(flow_table_add(w->flows, &s, now), 0);
    }
    flow_table_scan_end(w->flows, now);
}

static uint64_t number_in(json_object *object, const char *key)
{
    uint64_t value = UINT64_MAX;

    cr_assert_eq(json_get_uint64(object, key, &value), 1, "%s", key);
    return value;
}

static void assert_flows(
        World *w, const char *target, size_t n, uint64_t matched, const char *sorted_by)
{
    _cleanup_json_ json_object *object = NULL;
    json_object *flows;
    uint64_t last = UINT64_MAX;

    cr_assert_eq(get(w, target), 200, "%s", w->response);
    object = body_json(w);
    cr_assert_eq(number_in(object, "count"), 200);
    cr_assert_eq(number_in(object, "capacity"), 1024);
    cr_assert_eq(number_in(object, "matched"), matched, "%s", target);
    flows = json_object_object_get(object, "flows");
    cr_assert_eq(json_object_array_length(flows), n, "%s", target);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = number_in(json_object_array_get_idx(flows, i), sorted_by);
        cr_assert_leq(value, last, "%s is not sorted", target);
        last = value;
    }
}

Test(http, flows_are_filtered_and_the_first_in_order_shown)
{
    World *w = world_new();

    add_flows(w);
    assert_flows(w, "/flows", 100, 200, "packets");
    assert_flows(w, "/flows?limit=1000", 200, 200, "packets");
    assert_flows(w, "/flows?limit=7&sort=bytes", 7, 200, "bytes");
    assert_flows(w, "/flows?limit=0", 0, 200, "bytes");
    assert_flows(w, "/flows?src=10.0.1.0/24&limit=500", 100, 100, "packets");
    assert_flows(w, "/flows?src=10.0.1.7", 1, 1, "packets");
    assert_flows(w, "/flows?dst=192.0.2.2", 0, 0, "packets");
    assert_flows(w, "/flows?proto=udp&limit=500", 40, 40, "packets");
    assert_flows(w, "/flows?proto=UDP&action=drop", 20, 20, "packets");
    assert_flows(w, "/flows?ip=10.0.1.7", 1, 1, "packets");
    assert_flows(w, "/flows?ip=192.0.2.0/24&limit=1000", 200, 200, "packets");
    assert_flows(w, "/flows?ip=192.0.2.2", 0, 0, "packets");
    assert_flows(w, "/flows?port=17", 1, 1, "packets");
    assert_flows(w, "/flows?ip=10.0.1.7&port=8", 0, 0, "packets");
    assert_flows(w, "/flows?limit=7&sort=rate", 7, 200, "bytes_per_second");
    get(w, "/flows?limit=1&sort=last_seen");
    cr_assert(says(w, "10.0.0.200"), "the one made last: %s", w->response);
    get(w, "/flows?limit=1&src=10.0.1.7");
    cr_assert(says(w, "\"interface\":\"mock\\\"0\""));
    cr_assert(says(w, "\"flags\":\"SA\""));
    cr_assert(says(w, "\"direction\":\"INGRESS\""));
    world_free(w);
}

static void set_counters(World *w)
{
    Counters counters = {.untracked_packets = 5, .unreadable_packets = 6, .events_lost_packets = 7};

    counters.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_DROP] = (Count){12, 3400};
    counters.events_suppressed_packets[ACTION_PASS] = 8;
    stats_set_counters(w->stats, &counters, 2, clock_monotonic_ns());
}

Test(http, talkers_and_status)
{
    World *w = world_new();

    add_flows(w);
    cr_assert_eq(get(w, "/talkers?limit=1"), 200);
    cr_assert(says(w, "\"ip\":\"192.0.2.1\""), "%s", w->response);
    cr_assert_eq(get(w, "/talkers?limit=3&sort=syn"), 200);
    cr_assert_eq(get(w, "/talkers?ip=10.0.1.7"), 200);
    cr_assert(says(w, "\"talkers\":[{\"ip\":\"10.0.1.7\""), "%s", w->response);
    cr_assert_eq(get(w, "/talkers?ip=10.9.9.9"), 200);
    cr_assert(says(w, "\"talkers\":[]"));
    set_counters(w);
    cr_assert_eq(get(w, "/status"), 200);
    cr_assert(says(w, "\"mode\":\"mock\""));
    cr_assert(says(w, "\"version\":\"" NTC_VERSION "\""));
    cr_assert(says(w, "\"active\":200"));
    cr_assert(says(w, "\"journal_entries\":3"));
    cr_assert(says(w, "\"timezone\":\"UTC\""));
    cr_assert(says(w, "\"packets_by_direction\":{\"INGRESS\":12,\"EGRESS\":0}"));
    cr_assert(says(w, "\"bytes_by_protocol\":{\"TCP\":3400,"));
    cr_assert(says(w, "\"events\":{\"clients\":0,\"budget\":2000,\"drop_budget\":500}"));
    world_free(w);
}

Test(http, the_history_comes_in_columns)
{
    World *w = world_new();
    Counters counters = {};
    uint64_t now_ns = clock_monotonic_ns();

    for (uint64_t t = 2; t <= 4; t++) {
        counters.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_DROP].packets += 10;
        stats_set_counters(w->stats, &counters, 0, now_ns + t * NSEC_PER_SEC);
    }
    cr_assert_eq(get(w, "/history?limit=2"), 200);
    cr_assert(says(w, "\"packets_per_second\":[10.000,10.000]"), "%s", w->response);
    cr_assert(says(w, "\"bytes_per_second\":[0.000,0.000]"));
    cr_assert(says(w, "\"dropped_packets_per_second\":[10.000,10.000]"));
    cr_assert_eq(get(w, "/history?limit=0"), 200);
    cr_assert(says(w, "{\"time\":[],"));
    world_free(w);
}

Test(http, flows_can_be_flushed_with_and_without_a_body)
{
    World *w = world_new();

    cr_assert_eq(request(w, "POST", "/flows/flush", "", NULL), 200, "%s", w->response);
    cr_assert(says(w, "{\"ok\":true,\"flushed\":7}"));
    cr_assert_eq(post(w, "/flows/flush", "{}"), 200);
    cr_assert_eq(w->flushes, 2);
    request(w, "POST", "/flows/flush", "Content-Type: text/plain\r\n", "{}");
    assert_error(w, 415, "unsupported-media-type");
    cr_assert_eq(w->flushes, 2);
    world_free(w);
}

/* --- the lists
 * --------------------------------------------------------------------------------------- */

Test(http, an_entry_is_added_shown_and_removed)
{
    World *w = world_new();

    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"203.0.113.7\"}"), 200, "%s", w->response);
    cr_assert(says(w, "{\"ok\":true,\"ip\":\"203.0.113.7\",\"changed\":true}"), "%s", w->response);
    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"::ffff:203.0.113.7\"}"), 200);
    cr_assert(says(w, "{\"ok\":true,\"ip\":\"203.0.113.7\",\"changed\":false}"), "%s", w->response);
    cr_assert_eq(
            post(w, "/whitelist",
                    "{\"ip\":\"2001:db8::/32\",\"ttl\":3600,\"comment\":\"a \\\"b\\\" \xc3\xa9\"}"),
            200, "%s", w->response);

    cr_assert_eq(get(w, "/blacklist"), 200);
    cr_assert(says(w, "{\"list\":\"blacklist\",\"count\":1,\"capacity\":1024,\"entries\":[{\"ip\":"
                      "\"203.0.113.7\",\"added\":\"2"),
            "%s", w->response);
    cr_assert(says(w,
            "\"comment\":\"\",\"expires\":null,\"confirm_by\":null,\"origin\":\"manual\",\"packets\":0,"
            "\"bytes\":0}]"));
    cr_assert_eq(get(w, "/whitelist"), 200);
    cr_assert(says(w, "\"comment\":\"a \\\"b\\\" \xc3\xa9\",\"expires\":\"2"), "%s", w->response);
    json_object_put(body_json(w));

    cr_assert_eq(
            request(w, "DELETE", "/blacklist?ip=203.0.113.7", "", NULL), 200, "%s", w->response);
    cr_assert(says(w, "\"ok\":true,\"ip\":\"203.0.113.7\""));
    request(w, "DELETE", "/blacklist?ip=203.0.113.7", "", NULL);
    assert_error(w, 404, "not-found");
    request(w, "DELETE", "/whitelist?ip=2001:db8::%2F32", "", NULL);
    cr_assert_eq(status_of(w->response), 200, "%s", w->response);
    world_free(w);
}

Test(http, an_entry_waits_to_be_confirmed)
{
    World *w = world_new();

    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"203.0.113.7\",\"confirm\":60}"), 200);
    cr_assert_eq(get(w, "/blacklist"), 200);
    cr_assert(says(w, "\"confirm_by\":\"2"), "%s", w->response);
    cr_assert_eq(post(w, "/blacklist/confirm", "{\"ip\":\"203.0.113.7\"}"), 200);
    cr_assert(says(w, "\"changed\":true"), "%s", w->response);
    cr_assert_eq(get(w, "/blacklist"), 200);
    cr_assert(says(w, "\"expires\":null,\"confirm_by\":null"), "%s", w->response);
    post(w, "/whitelist/confirm", "{\"ip\":\"203.0.113.7\"}");
    assert_error(w, 404, "not-found");
    post(w, "/blacklist/confirm", "{\"ip\":\"203.0.113.7\",\"ttl\":5}");
    assert_error(w, 400, "bad-request");
    world_free(w);
}

Test(http, lists_come_in_pages_and_can_be_searched)
{
    World *w = world_new();
    char body[128];

    for (int i = 0; i < 30; i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"198.51.100.%d\",\"comment\":\"%s\"}", i,
                i % 3 ? "odd" : "Even");
        cr_assert_eq(post(w, "/blacklist", body), 200, "%s", w->response);
    }
    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"100.64.0.0/10\"}"), 200, "%s", w->response);
    get(w, "/blacklist?limit=2&offset=28");
    cr_assert(says(w, "\"count\":31,"));
    cr_assert(says(w, "\"matched\":31"));
    cr_assert(says(w, "198.51.100.28"));
    cr_assert_not(says(w, "198.51.100.27\""));
    cr_assert_not(says(w, "100.64.0.0"));
    get(w, "/blacklist?limit=2&order=newest");
    cr_assert(strstr(w->response, "100.64.0.0") < strstr(w->response, "198.51.100.29"));
    cr_assert_not(says(w, "198.51.100.28"));
    get(w, "/blacklist?q=even&limit=1");
    cr_assert(says(w, "\"count\":31,"));
    cr_assert(says(w, "\"matched\":10"));
    get(w, "/blacklist?q=100.65.1.2");
    cr_assert(says(w, "\"matched\":1"), "the prefix that contains it: %s", w->response);
    get(w, "/blacklist?offset=100");
    cr_assert(says(w, "\"entries\":[]"));
    world_free(w);
}

Test(http, bad_bodies_change_nothing)
{
    static const char *const bad[] = {"", "{", "[]", "\"203.0.113.7\"", "{}", "{\"ip\":7}",
            "{\"ip\":\"203.0.113.7\",\"tll\":5}", "{\"ip\":\"203.0.113.7\"} x",
            "{\"ip\":\"203.0.113.7\",\"ip\":\"203.0.113.8\"}",
            "{\"ip\":\"203.0.113.7\",\"ttl\":-1}", "{\"ip\":\"203.0.113.7\",\"ttl\":1.5}",
            "{\"ip\":\"203.0.113.7\",\"ttl\":\"1\"}", "{\"ip\":\"203.0.113.7\",\"force\":1}",
            "{\"ip\":\"203.0.113.7\",\"comment\":{}}", "{\"ip\":\"203.0.113.7\\u0000\"}",
            "{\"ip\":\"203.0.113.7\",\"comment\":\"\xff\"}", "{\"ip\":[[[[[[[[\"x\"]]]]]]]]}"};
    static const char *const addresses[] = {
            "203.0.113.7/24", "203.0.113", "fe80::1%eth0", "example.com", "203.0.113.07", ""};
    World *w = world_new();
    char body[128];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        post(w, "/blacklist", bad[i]);
        assert_error(w, 400, "bad-request");
    }
    for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"%s\"}", addresses[i]);
        post(w, "/blacklist", body);
        assert_error(w, 400, "invalid-address");
    }
    request(w, "DELETE", "/blacklist", "", NULL);
    assert_error(w, 400, "bad-request");
    request(w, "DELETE", "/blacklist?ip=nonsense", "", NULL);
    assert_error(w, 400, "invalid-address");
    cr_assert_eq(list_count(control_list(w->control, LIST_BLACKLIST)), 0);
    world_free(w);
}

Test(http, a_protected_address_needs_force)
{
    World *w = world_new();

    post(w, "/blacklist", "{\"ip\":\"127.0.0.1\"}");
    assert_error(w, 409, "protected");
    post(w, "/blacklist", "{\"ip\":\"127.0.0.1\",\"force\":true}");
    cr_assert_eq(status_of(w->response), 200, "%s", w->response);
    world_free(w);
}

Test(http, the_list_has_a_limit)
{
    World *w = world_new();
    char body[64];

    for (int i = 0; i < 1024; i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"198.18.%d.%d\"}", i / 256, i % 256);
        cr_assert_eq(post(w, "/blacklist", body), 200, "%s", w->response);
    }
    post(w, "/blacklist", "{\"ip\":\"203.0.113.1\"}");
    assert_error(w, 409, "limit-reached");
    world_free(w);
}

/* --- bodies
 * ------------------------------------------------------------------------------------------ */

Test(http, a_body_must_be_json_and_not_too_long)
{
    World *w = world_new();
    _cleanup_free_ char *large = malloc(4001);

    memset(large, ' ', 4000);
    large[4000] = '\0';
    request(w, "POST", "/blacklist", "", "{\"ip\":\"203.0.113.7\"}");
    assert_error(w, 415, "unsupported-media-type");
    request(w, "POST", "/blacklist", "Content-Type: application/x-www-form-urlencoded\r\n",
            "ip=203.0.113.7");
    assert_error(w, 415, "unsupported-media-type");
    request(w, "POST", "/blacklist", "Content-Type: application/jsonp\r\n",
            "{\"ip\":\"203.0.113.7\"}");
    assert_error(w, 415, "unsupported-media-type");
    cr_assert_eq(
            request(w, "POST", "/blacklist", "Content-Type: application/json; charset=utf-8\r\n",
                    "{\"ip\":\"203.0.113.7\"}"),
            200);
    post(w, "/blacklist", large);
    assert_error(w, 413, "too-large");
    world_free(w);
}

static const char *exchange_chunked(World *w, size_t total)
{
    _cleanup_close_ int fd = dial(w);
    char chunk[520];

    const char *head = "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                       "Transfer-Encoding: chunked\r\n\r\n";
    send_all(w, fd, head, strlen(head));
    for (size_t sent = 0; sent < total; sent += 512) {
        int n = snprintf(chunk, sizeof(chunk), "200\r\n%*s\r\n", 512, "");
        send_all(w, fd, chunk, (size_t)n);
    }
    send_all(w, fd, "0\r\n\r\n", 5);
    return receive(w, fd, NULL);
}

Test(http, chunked_bodies_are_bounded_too)
{
    World *w = world_new();

    exchange(w,
            "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
            "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"ip\":\"2\r\nd\r\n03.0.113.77\"}\r\n0\r\n\r\n");
    cr_assert_eq(status_of(w->response), 200, "%s", w->response);
    cr_assert(says(w, "203.0.113.77"));
    exchange_chunked(w, 5 * 1024);
    assert_error(w, 413, "too-large");
    exchange_chunked(w, 512 * 1024);
    cr_assert_neq(status_of(w->response), 200, "cut off sooner or later");
    cr_assert_eq(get(w, "/healthz"), 200);
    world_free(w);
}

Test(http, a_read_takes_no_body)
{
    World *w = world_new();

    request(w, "GET", "/status", JSON, "{}");
    assert_error(w, 400, "bad-request");
    request(w, "DELETE", "/blacklist?ip=192.0.2.1", JSON, "{\"ip\":\"192.0.2.2\"}");
    assert_error(w, 400, "bad-request");
    world_free(w);
}

/* --- strangers
 * --------------------------------------------------------------------------------------- */

Test(http, host_rules)
{
    static const struct {
        const char *host;
        HostVerdict verdict;
    } cases[] = {{"localhost", HOST_ALLOWED}, {"localhost:8086", HOST_ALLOWED},
            {"127.0.0.1:8086", HOST_ALLOWED}, {"192.168.1.5", HOST_ALLOWED},
            {"[::1]:8086", HOST_ALLOWED}, {"[2001:db8::1]", HOST_ALLOWED}, {"pi", HOST_ALLOWED},
            {"pi.local", HOST_ALLOWED}, {"PI.LAN:80", HOST_ALLOWED}, {"pi.home", HOST_ALLOWED},
            {"pi.home.arpa", HOST_ALLOWED}, {"pi.internal", HOST_ALLOWED},
            {"pi.localdomain", HOST_ALLOWED}, {"pi.local.", HOST_ALLOWED},
            {"host.example.org", HOST_ALLOWED}, {"ntc.example.com", HOST_ALLOWED},
            {"NTC.example.com.:1", HOST_ALLOWED}, {"evil.example.com", HOST_FOREIGN},
            {"evil.com:8086", HOST_FOREIGN}, {"127.0.0.1.evil.com", HOST_FOREIGN},
            {"local.evil.com", HOST_FOREIGN}, {"notlocal.com", HOST_FOREIGN},
            {"127.1", HOST_FOREIGN}, {"0x7f.0.0.1", HOST_FOREIGN},
            {"x.ntc.example.com", HOST_FOREIGN}, {".local", HOST_MALFORMED}, {"", HOST_MALFORMED},
            {":80", HOST_MALFORMED}, {"a b", HOST_MALFORMED}, {"a/b", HOST_MALFORMED},
            {"user@localhost", HOST_MALFORMED}, {"localhost:x", HOST_MALFORMED},
            {"localhost:99999", HOST_MALFORMED}, {"::1", HOST_MALFORMED}, {"[::1", HOST_MALFORMED},
            {"[127.0.0.1]", HOST_MALFORMED}, {"[::1]x", HOST_MALFORMED},
            {"[localhost]", HOST_MALFORMED}, {"a..local", HOST_MALFORMED},
            {"localhost, evil.com", HOST_MALFORMED}};
    StringList allowed = {};

    cr_assert_eq(string_list_add(&allowed, "ntc.example.com"), 0);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        cr_assert_eq(host_check(cases[i].host, "host.example.org", &allowed), cases[i].verdict,
                "%s", cases[i].host);
    cr_assert_eq(host_check(NULL, "", &allowed), HOST_MALFORMED);
    string_list_clear(&allowed);
}

Test(http, origin_rules)
{
    cr_assert(host_is_origin("pi.lan:8086", "http://pi.lan:8086"));
    cr_assert(host_is_origin("pi.lan", "https://PI.lan"));
    cr_assert(host_is_origin("pi.lan:80", "http://pi.lan"));
    cr_assert_not(host_is_origin("pi.lan:8086", "http://pi.lan"));
    cr_assert_not(host_is_origin("pi.lan", "http://pi.lan.evil.com"));
    cr_assert_not(host_is_origin("pi.lan.evil.com", "http://pi.lan"));
    cr_assert_not(host_is_origin("pi.lan", "null"));
    cr_assert_not(host_is_origin("pi.lan", ""));
    cr_assert_not(host_is_origin("pi.lan", "file://pi.lan"));
}

Test(http, a_foreign_host_is_told_the_setting)
{
    World *w = world_new();

    exchange(w,
            "GET /blacklist HTTP/1.1\r\nHost: rebound.example.com:8086\r\nConnection: close\r\n\r\n");
    assert_error(w, 421, "misdirected");
    cr_assert(says(w, "server.allowed_hosts"));
    exchange(w, "GET /blacklist HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n");
    assert_error(w, 400, "bad-request");
    world_free(w);
}

Test(http, ambiguous_messages_are_refused)
{
    static const char *const bad[] = {
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\nConnection: close\r\n\r\n",
            "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "GET blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.0\r\nConnection: close\r\n\r\n",
            "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
            "Content-Length: 20\r\nContent-Length: 20\r\n\r\n{\"ip\":\"203.0.113.1\"}",
            "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
            "Content-Length: 20\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{\"ip\":\"203.0.113.1\"}\r\n0\r\n\r\n",
            "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
            "Transfer-Encoding: gzip, chunked\r\n\r\n14\r\n{\"ip\":\"203.0.113.1\"}\r\n0\r\n\r\n",
    };
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        exchange(w, bad[i]);
        cr_assert_eq(status_of(w->response), 400, "%s -> %s", bad[i], w->response);
    }
    cr_assert_eq(list_count(control_list(w->control, LIST_BLACKLIST)), 0);
    world_free(w);
}

Test(http, garbage_does_no_harm)
{
    static const char nul[] = "GET /\0/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    World *w = world_new();
    TextBuffer text = {};
    unsigned seed = 1;

    exchange_bytes(w, nul, sizeof(nul) - 1);
    exchange(w, "\r\n\r\n\r\nGET\r\n\r\n");
    exchange(w, "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n");
    exchange(
            w, "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n");
    exchange(w, "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n");
    text_append(&text, "GET /");
    for (int i = 0; i < 100000; i++)
        text_append(&text, "a");
    exchange(w, text.data);
    cr_assert_neq(status_of(w->response), 200);
    text_clear(&text);
    for (int i = 0; i < 3000; i++) {
        char byte = (char)(rand_r(&seed) >> 7);
        text_append_bytes(&text, &byte, 1);
    }
    text_append(&text, "\r\n\r\n");
    exchange_bytes(w, text.data, text.size);
    text_done(&text);
    cr_assert_eq(get(w, "/healthz"), 200);
    world_free(w);
}

Test(http, other_sites_may_not_write)
{
    static const char *const bad[] = {"Origin: http://evil.com\r\n", "Origin: null\r\n",
            "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
            "Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n"};
    static const char *const good[] = {
            "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Site: none\r\n"};
    World *w = world_new();
    char headers[256];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        snprintf(headers, sizeof(headers), "%s%s", JSON, bad[i]);
        request(w, "POST", "/blacklist", headers, "{\"ip\":\"203.0.113.1\"}");
        assert_error(w, 403, "forbidden");
        cr_assert_eq(
                request(w, "GET", "/blacklist", bad[i], NULL), 200, "links from elsewhere work");
    }
    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        snprintf(headers, sizeof(headers), "%s%s", JSON, good[i]);
        cr_assert_eq(request(w, "POST", "/blacklist", headers, "{\"ip\":\"203.0.113.1\"}"), 200);
    }
    world_free(w);
}

Test(http, a_proxy_is_never_local)
{
    static const char *const bad[] = {
            "Forwarded: for=192.0.2.1\r\n", "x-forwarded-for: 127.0.0.1\r\n"};
    World *w = world_new();
    char headers[256];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        snprintf(headers, sizeof(headers), "%s%s", JSON, bad[i]);
        request(w, "POST", "/blacklist", headers, "{\"ip\":\"203.0.113.1\"}");
        assert_error(w, 403, "forbidden");
        cr_assert(says(w, "ntcctl"));
        cr_assert_eq(request(w, "GET", "/blacklist", bad[i], NULL), 200);
    }
    cr_assert_eq(w->denied, 2);
    world_free(w);
}

/* This machine's first address that is not loopback; false if it has none. */
static bool own_address(char buffer[static INET_ADDRSTRLEN])
{
    struct ifaddrs *all, *a;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (a = all; a && !found; a = a->ifa_next)
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET) {
            struct in_addr in = ((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr;
            found = (ntohl(in.s_addr) >> 24) != 127 &&
                    inet_ntop(AF_INET, &in, buffer, INET_ADDRSTRLEN);
        }
    freeifaddrs(all);
    return found;
}

Test(http, from_elsewhere_one_may_only_read)
{
    World *w = world_new_unstarted();
    char ip[INET_ADDRSTRLEN];
    const char *write = "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                        "Content-Length: 20\r\n\r\n{\"ip\":\"203.0.113.1\"}";
    const char *read = "GET /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    start_http(w, NULL, 0); /* everywhere */
    if (own_address(ip)) {
        int fd = dial_to(ip, http_server_port(w->http));
        send_all(w, fd, write, strlen(write));
        receive(w, fd, NULL);
        assert_error(w, 403, "forbidden");
        close(fd);
        fd = dial_to(ip, http_server_port(w->http));
        send_all(w, fd, read, strlen(read));
        cr_assert_eq(status_of(receive(w, fd, NULL)), 200);
        close(fd);
    }
    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"203.0.113.1\"}"), 200);
    world_free(w);
}

Test(http, the_unix_socket_knows_the_uid)
{
    World *w = world_new_unstarted();
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *text = "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                       "Content-Length: 20\r\n\r\n{\"ip\":\"203.0.113.1\"}";
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(to.sun_path, sizeof(to.sun_path), "%s/http.sock", w->folder);
    cr_assert_eq(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
    cr_assert_eq(listen(listener, 5), 0);
    start_http(w, &listener, 1);
    cr_assert_eq(http_server_port(w->http), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    send_all(w, fd, text, strlen(text));
    cr_assert_eq(status_of(receive(w, fd, NULL)), 200, "%s", w->response);
    cr_assert(strstr(list_first(control_list(w->control, LIST_BLACKLIST))->by, "unix"));
    close(fd);
    world_free(w);
}

/* --- waiting
 * ----------------------------------------------------------------------------------------- */

static const char edit[] = "POST /blacklist HTTP/1.1\r\nHost: localhost\r\n" JSON
                           "Content-Length: 20\r\n\r\n{\"ip\":\"203.0.113.9\"}";

Test(http, one_connection_carries_many_requests)
{
    World *w = world_new();
    _cleanup_close_ int fd = dial(w);

    for (int i = 0; i < 3; i++) {
        send_all(w, fd, edit, strlen(edit));
        cr_assert_eq(status_of(receive(w, fd, "\"changed\":")), 200, "%s", w->response);
    }
    world_free(w);
}

Test(http, clients_that_vanish_while_their_edit_is_written)
{
    World *w = world_new();

    for (int i = 0; i < 20; i++) {
        int fd = dial(w);
        struct linger reset = {.l_onoff = 1};

        cr_assert_eq(send(fd, edit, strlen(edit), 0), (ssize_t)strlen(edit));
        for (int k = 0; k < i % 4; k++)
            sd_event_run(w->event, 0);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    turn(w, 300);
    cr_assert_eq(get(w, "/healthz"), 200);
    world_free(w);
}

Test(http, the_server_may_stop_while_edits_are_written)
{
    for (int turns = 0; turns < 8; turns++) {
        World *w = world_new();
        _cleanup_close_ int fd = dial(w), other = dial(w);

        cr_assert_eq(send(fd, edit, strlen(edit), 0), (ssize_t)strlen(edit));
        cr_assert_eq(send(other, edit, strlen(edit), 0), (ssize_t)strlen(edit));
        for (int k = 0; k < turns; k++)
            sd_event_run(w->event, 0);
        http_server_free(w->http);
        w->http = NULL;
        turn(w, 50); /* the answers come now, and nobody waits for them */
        world_free(w);
    }
}

Test(http, many_connections_at_once)
{
    World *w = world_new();
    const char *text = "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    size_t limit = w->config->server.connections_per_address_max;
    int fds[256];
    size_t n = MIN_OF(limit, ELEMENTSOF(fds));

    for (size_t i = 0; i < n; i++) {
        fds[i] = dial(w);
        send_all(w, fds[i], text, strlen(text));
    }
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(status_of(receive(w, fds[i], NULL)), 200);
        close(fds[i]);
    }
    world_free(w);
}

/* --- alerts
 * ----------------------------------------------------------------------------------------- */

/* 1 January 2026, so many seconds in. */
static Alert alert(uint32_t second, AlertKind kind)
{
    Alert a = {.wall_ns = (1767225600ULL + second) * NSEC_PER_SEC,
            .kind = kind,
            .address = address_from_in((struct in_addr){htonl(0xc0000200U + second)}),
            .ports = 1000,
            .hosts = 1,
            .packets = 1002,
            .interface = "eth0",
            .target = "10.0.0.1",
            .message = "192.0.2.1 tried \"it\""};

    return a;
}

static void add_alerts(World *w)
{
    static const AlertKind kinds[] = {ALERT_PORT_SCAN, ALERT_VOLUME, ALERT_PORT_SCAN};

    for (uint32_t i = 0; i < ELEMENTSOF(kinds); i++) {
        Alert a = alert(i + 1, kinds[i]);

        a.blocked_until_wall_ns = i == 0 ? a.wall_ns + 600 * NSEC_PER_SEC : 0;
        a.target[0] = i == 1 ? '\0' : a.target[0];
        alert_log_add(w->alerts, &a);
    }
}

#define FIRST_ALERT                                                                                  \
    "{\"time\":\"2026-01-01T00:00:01.000Z\",\"kind\":\"port-scan\",\"ip\":\"192.0.2.1\",\"target\":" \
    "\"10.0.0.1\",\"interface\":\"eth0\",\"message\":\"192.0.2.1 tried \\\"it\\\"\",\"ports\":1000," \
    "\"hosts\":1,\"packets\":1002,\"blocked_until\":\"2026-01-01T00:10:01.000Z\"}"

static void assert_alerts(World *w, const char *query, uint64_t count, const char *first_time)
{
    char target[128], wanted[64];

    snprintf(target, sizeof(target), "/alerts?limit=8%s", query);
    cr_assert_eq(get(w, target), 200, "%s: %s", target, w->response);
    _cleanup_json_ json_object *object = body_json(w);
    cr_assert_eq(number_in(object, "count"), count, "%s", target);
    snprintf(wanted, sizeof(wanted), "\"alerts\":[{\"time\":\"%s\"", first_time);
    cr_assert(says(w, count ? wanted : "\"alerts\":[]"), "%s: %s", target, w->response);
}

Test(http, alerts_are_shown_newest_first_and_filtered)
{
    World *w = world_new();

    add_alerts(w);
    assert_alerts(w, "", 3, "2026-01-01T00:00:03.000Z");
    cr_assert(says(w, "\"source\":\"volatile-journal\",\"truncated\":false"));
    cr_assert(says(w, FIRST_ALERT), "%s", w->response);
    cr_assert(says(w, "\"target\":null"));
    assert_alerts(w, "&kind=volume", 1, "2026-01-01T00:00:02.000Z");
    assert_alerts(w, "&ip=192.0.2.1", 1, "2026-01-01T00:00:01.000Z");
    assert_alerts(w, "&ip=192.0.2.2/31", 2, "2026-01-01T00:00:03.000Z");
    assert_alerts(w, "&until=2026-01-01T00:00:02Z", 2, "2026-01-01T00:00:02.000Z");
    assert_alerts(w, "&since=2026-01-01T01:00:03%2B01:00", 1, "2026-01-01T00:00:03.000Z");
    assert_alerts(w, "&since=2026-01-01T00:00:04Z", 0, "");
    cr_assert_eq(get(w, "/alerts?limit=2"), 200);
    cr_assert(says(w, "\"count\":2") && says(w, "\"truncated\":true"));
    world_free(w);
}

Test(http, bad_questions_about_alerts)
{
    static const char *const bad[] = {"kind=scan", "kind=", "ip=me", "ip=192.0.2.1/24",
            "since=yesterday", "until=2026-01-01", "limit=1001", "limit=-1", "x=1"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char target[64];

        snprintf(target, sizeof(target), "/alerts?%s", bad[i]);
        get(w, target);
        assert_error(w, 400, "bad-request");
    }
    w->alerts_answer = -EBUSY;
    get(w, "/alerts");
    assert_error(w, 503, "busy");
    cr_assert(says(w, "Retry-After: 1"));
    world_free(w);
}

/* The answer comes later; or the one who asked doesn't wait for it. */
Test(http, alerts_may_take_their_time)
{
    static const char question[] = "GET /alerts HTTP/1.1\r\nHost: localhost\r\n\r\n";
    AlertPage page = {.source = ALERTS_JOURNAL};
    World *w = world_new();
    int fd = dial(w);

    w->alerts_answer = 1;
    send_all(w, fd, question, strlen(question));
    while (!w->found)
        turn(w, 5);
    turn(w, 50);
    w->found(0, &page, w->found_userdata);
    receive(w, fd, "\"alerts\":[]}");
    w->found = NULL;
    send_all(w, fd, question, strlen(question));
    while (!w->found)
        turn(w, 5);
    w->found(-EIO, NULL, w->found_userdata);
    receive(w, fd, "\"error\":\"unavailable\"");
    w->found = NULL;
    send_all(w, fd, question, strlen(question));
    while (!w->found)
        turn(w, 5);
    w->http = http_server_free(w->http);
    w->found(0, &page, w->found_userdata);
    close(fd);
    world_free(w);
}

/* --- metrics
 * ----------------------------------------------------------------------------------------- */

static bool has_line(World *w, const char *line)
{
    const char *at = strstr(body_of(w->response), line);

    return at && at[-1] == '\n' && at[strlen(line)] == '\n';
}

Test(http, metrics_have_the_promised_names_and_labels)
{
    static const char *const lines[] = {
            "ntc_packets_total{proto=\"TCP\",direction=\"INGRESS\",action=\"DROP\"} 12",
            "ntc_packets_total{proto=\"NONIP\",direction=\"EGRESS\",action=\"PASS\"} 0",
            "ntc_bytes_total{proto=\"TCP\"} 3400", "ntc_active_flows 200", "ntc_active_ips 201",
            "ntc_events_suppressed_total 8", "ntc_events_lost_total 7",
            "ntc_flows_untracked_packets_total 5", "ntc_accounting_drift_packets 2",
            "ntc_parse_errors_total{kind=\"addresses\"} 6", "ntc_flows_capacity 1024",
            "ntc_list_entries{list=\"blacklist\"} 0", "ntc_list_capacity{list=\"whitelist\"} 1024",
            "ntc_list_hits_total{list=\"blacklist\"} 0",
            "ntc_attached{interface=\"mock\\\"0\",direction=\"INGRESS\"} 1",
            "ntc_attached{interface=\"mock\\\"0\",direction=\"EGRESS\"} 0", "ntc_sse_clients 0",
            "ntc_sse_disconnected_total{reason=\"slow\"} 0",
            "ntc_http_requests_total{path=\"/status\",code=\"200\"} 1",
            "ntc_http_requests_total{path=\"other\",code=\"404\"} 1", "ntc_journal_lost_total 3",
            "ntc_alerts_total{kind=\"port-scan\"} 0", "ntc_alerts_total{kind=\"volume\"} 0",
            "ntc_alerts_suppressed_total 0", "ntc_detect_lost_total 0", "ntc_map_memory_bytes 4096",
            "ntc_build_info{version=\"" NTC_VERSION "\",mode=\"mock\"} 1",
            "# TYPE ntc_packets_total counter", "# TYPE ntc_ip_syn_count gauge"};
    static const char *const starts[] = {"\nntc_packets_per_second ", "\nntc_bytes_per_second ",
            "\nntc_ip_packets_per_second{ip=\"192.0.2.1\"} ",
            "\nntc_ip_unique_dst_ports{ip=\"10.0.", "\nntc_ip_syn_count{ip=\"10.0.",
            "\nprocess_cpu_seconds_total ", "\nprocess_resident_memory_bytes ",
            "\nprocess_virtual_memory_bytes ", "\nprocess_open_fds ", "\nprocess_max_fds ",
            "\nprocess_start_time_seconds "};
    World *w = world_new();

    add_flows(w);
    set_counters(w);
    get(w, "/status");
    get(w, "/secret-path");
    cr_assert_eq(get(w, "/metrics?x=1"), 200);
    cr_assert(says(w, "Content-Type: text/plain; version=0.0.4"));
    for (size_t i = 0; i < ELEMENTSOF(lines); i++)
        cr_assert(has_line(w, lines[i]), "%s in %s", lines[i], w->response);
    for (size_t i = 0; i < ELEMENTSOF(starts); i++)
        cr_assert(strstr(w->response, starts[i]), "%s in %s", starts[i], w->response);
    cr_assert_not(says(w, "secret-path"));
    world_free(w);
}

Test(http, metrics_in_openmetrics)
{
    World *w = world_new();

    set_counters(w);
    cr_assert_eq(request(w, "GET", "/metrics",
                         "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n",
                         NULL),
            200);
    cr_assert(says(w, "Content-Type: application/openmetrics-text; version=1.0.0"));
    cr_assert(has_line(w, "# TYPE ntc_packets counter"));
    cr_assert(says(w, "\nntc_packets_total{"));
    cr_assert_str_eq(w->response + strlen(w->response) - 6, "# EOF\n");
    world_free(w);
}

Test(http, promtool_complains_about_one_name_only)
{
    World *w = world_new();
    char path[128], command[256], line[512];
    FILE *file;

    if (system("command -v promtool >/dev/null 2>&1") != 0)
        cr_skip_test("no promtool");
    add_flows(w);
    set_counters(w);
    get(w, "/nothing");
    cr_assert_eq(get(w, "/metrics"), 200);
    snprintf(path, sizeof(path), "%s/metrics", w->folder);
    file = fopen(path, "w");
    fputs(body_of(w->response), file);
    fclose(file);
    snprintf(command, sizeof(command), "promtool check metrics < %s 2>&1", path);
    file = popen(command, "r");
    while (fgets(line, sizeof(line), file))
        cr_assert(strncmp(line, "ntc_ip_syn_count ", 17) == 0, "promtool: %s", line);
    pclose(file);
    world_free(w);
}

Test(http, label_values_are_escaped)
{
    TextBuffer text = {};
    MetricText out = {.text = &text};

    metric_counter(&out, "x_total", "Help.");
    metric_uint64(&out, METRIC_LABELS({"a", "q\"b\\n\nl"}, {"b", ""}), 1);
    cr_assert_str_eq(text.data,
            "# HELP x_total Help.\n# TYPE x_total counter\nx_total{a=\"q\\\"b\\\\n\\nl\",b=\"\"} 1\n");
    text_clear(&text);
    metric_uint64(&out, METRIC_LABELS({"a", "\xc3\xa9\x01"}, {"b", "\xc3\xa9\xff\n"}), 1);
    cr_assert_str_eq(text.data, "x_total{a=\"\xc3\xa9\x01\",b=\"\\\\xc3\\\\xa9\\\\xff\\n\"} 1\n");
    text_done(&text);
}

static double seconds_for(size_t samples)
{
    struct timespec begin, end;
    TextBuffer text = {};
    MetricText out = {.text = &text};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    metric_counter(&out, "x_total", "Help.");
    for (size_t i = 0; i < samples; i++)
        metric_uint64(&out, METRIC_LABELS({"interface", "\"eth0\""}, {"direction", "INGRESS"}), i);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    cr_assert_not(text.failed);
    text_done(&text);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
}

/* Sixteen times as many samples take about sixteen times as long; quadratic work would take 256. */
Test(http, a_page_costs_what_its_length_costs)
{
    double few = 1e9, many = 1e9;

    for (int i = 0; i < 5; i++) {
        few = MIN_OF(few, seconds_for(20000));
        many = MIN_OF(many, seconds_for(16 * 20000));
    }
    cr_assert_lt(many, 64 * few, "%f s for 16 times what took %f s", many, few);
}

Test(http, json_is_escaped)
{
    TextBuffer text = {};
    JsonOut out = {.text = &text};

    json_open(&out, NULL, '{');
    json_out_string(&out, "a", "q\"\\\n\x7f\xc3\xa9");
    json_out_string(&out, "b", "\xff");
    json_out_string(&out, "c", NULL);
    json_open(&out, "d", '[');
    json_out_uint64(&out, NULL, UINT64_MAX);
    json_out_double(&out, NULL, 0.5);
    json_close(&out, ']');
    json_close(&out, '}');
    cr_assert_str_eq(text.data,
            "{\"a\":\"q\\\"\\\\\\u000a\\u007f\xc3\xa9\",\"b\":\"?\",\"c\":null,\"d\":"
            "[18446744073709551615,0.500]}");
    text_done(&text);
}

/* --- the live view
 * ----------------------------------------------------------------------------------- */

static PacketEvent packet(uint16_t dport)
{
    FlowSample s = sample("192.168.0.10", "1.1.1.1", dport, 1, 60);

    return (PacketEvent){.time_ns = s.first_seen_ns,
            .src = s.key.src,
            .dst = s.key.dst,
            .sport = 5555,
            .dport = dport,
            .ifindex = 1,
            .length_bytes = 60,
            .packets = 1,
            .protocol = 6,
            .action = ACTION_DROP,
            .tcp_flags = TCP_FLAG_SYN};
}

static void push(World *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        PacketEvent event = packet((uint16_t)i);
        http_server_push_event(w->http, &event);
    }
}

static int watch(World *w, const char *last_id)
{
    int fd = dial(w);
    char text[256];

    snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n",
            last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    send_all(w, fd, text, strlen(text));
    return fd;
}

Test(http, packets_are_shown_live)
{
    World *w = world_new();
    int fd = watch(w, NULL);

    receive(w, fd, "retry: 2000\n\n");
    cr_assert(says(w, "Content-Type: text/event-stream"), "%s", w->response);
    cr_assert_eq(w->watchers, 1);
    push(w, 2);
    receive(w, fd, "\"seq\":2");
    cr_assert(says(w, "id: 1\ndata: {\"time\":\""), "%s", w->response);
    cr_assert(
            says(w, "\"seq\":1,\"src\":\"192.168.0.10\",\"dst\":\"1.1.1.1\",\"proto\":\"TCP\",\"action\":"
                    "\"DROP\",\"direction\":\"INGRESS\",\"ts\":\"2"),
            "%s", w->response);
    cr_assert(says(w,
            "\"sport\":5555,\"dport\":0,\"len\":60,\"packets\":1,\"flags\":\"S\",\"interface\":"
            "\"mock\\\"0\",\"proto_number\":6}\n\n"));
    http_server_push_gap(w->http, 42);
    receive(w, fd, "42}");
    cr_assert(says(w, "event: gap\ndata: {\"packets\":42}\n\n"));
    add_alerts(w);
    http_server_push_alert(w->http, 99); /* not held any more */
    http_server_push_alert(w->http, 1);
    push(w, 1);
    receive(w, fd, "\"seq\":3");
    cr_assert(says(w, "\nevent: alert\ndata: " FIRST_ALERT "\n\nid: 3\n"), "%s", w->response);
    close(fd);
    turn(w, 50);
    push(w, 1);
    turn(w, 200);
    push(w, 1);
    turn(w, 200);
    cr_assert_eq(w->watchers, 0, "a client that is gone is noticed");
    cr_assert_eq(get(w, "/metrics"), 200);
    cr_assert(has_line(w, "ntc_sse_disconnected_total{reason=\"client\"} 1"));
    cr_assert(has_line(w, "ntc_sse_clients 0"));
    world_free(w);
}

Test(http, a_client_can_resume)
{
    World *w = world_new();
    int fd = watch(w, NULL), again;

    receive(w, fd, "retry");
    push(w, 10);
    receive(w, fd, "\"seq\":10");

    again = watch(w, "7");
    receive(w, again, "\"seq\":10");
    cr_assert(says(w, "id: 8\n"));
    cr_assert_not(says(w, "id: 7\n"));
    cr_assert_not(says(w, "event: gap"));
    close(again);
    turn(w, 20);
    push(w, 1);
    turn(w, 150);
    push(w, 1);
    turn(w, 150);

    push(w, 70); /* more than are held */
    again = watch(w, "7");
    receive(w, again, "\"seq\":82");
    cr_assert(says(w, "event: gap\ndata: {\"packets\":null}\n\nid: 19\n"), "%s", w->response);
    close(again);
    turn(w, 20);
    push(w, 1);
    turn(w, 150);
    push(w, 1);
    turn(w, 150);

    static const char *const unknown[] = {"99999", "x", "0"};
    for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
        again = watch(w, unknown[i]);
        receive(w, again, "gap");
        cr_assert(says(w, "event: gap\ndata: {\"packets\":null}"), "%s", w->response);
        cr_assert_not(says(w, "id: "));
        close(again);
        turn(w, 20);
        for (int k = 0; k < 2; k++) {
            push(w, 1);
            turn(w, 150);
        }
    }
    close(fd);
    world_free(w);
}

Test(http, viewers_are_limited)
{
    World *w = world_new();
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = watch(w, NULL);
        receive(w, fds[i], i < 2 ? "retry" : "}");
    }
    assert_error(w, 503, "unavailable");
    cr_assert(says(w, "Retry-After: 5"));
    cr_assert_eq(w->watchers, 2);
    cr_assert_eq(request(w, "HEAD", "/events", "", NULL), 200);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    world_free(w);
}

Test(http, a_viewer_that_does_not_read_is_cut_off)
{
    World *w = world_new();
    int slow = watch(w, NULL), quick = watch(w, NULL);
    char buffer[65536];

    turn(w, 50);
    cr_assert_eq(w->watchers, 2);
    for (int i = 0; i < 2000 && w->watchers == 2; i++) {
        push(w, 32);
        /* On a busy machine a batch may take longer than its 50 ms: the quick one reads what it is
         * sent. */
        for (int tries = 0; tries < 100 && recv(quick, buffer, sizeof(buffer), 0) <= 0; tries++)
            turn(w, 20);
        while (recv(quick, buffer, sizeof(buffer), 0) > 0)
            ;
        if (i > 4) /* filling the kernel's buffers would take long otherwise */
            push(w, 32);
    }
    cr_assert_eq(w->watchers, 1, "the slow one is gone, the quick one is not");
    cr_assert_eq(get(w, "/metrics"), 200);
    cr_assert(has_line(w, "ntc_sse_disconnected_total{reason=\"slow\"} 1"));
    close(slow);
    close(quick);
    world_free(w);
}

/* How often the loop turns in a second when nothing happens. */
static unsigned turns_in_a_second(World *w)
{
    uint64_t end = clock_monotonic_ns() + NSEC_PER_SEC;
    unsigned n = 0;

    for (; clock_monotonic_ns() < end; n++)
        sd_event_run(w->event, 100 * USEC_PER_MSEC);
    return n;
}

Test(http, an_idle_server_sleeps)
{
    World *w = world_new();
    int viewer = watch(w, NULL), blocked = watch(w, NULL), silent = dial(w), half = dial(w);
    int small = 1024;

    setsockopt(blocked, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    send_all(w, half, "GET / HTT", 9);
    turn(w, 50);
    for (int i = 0; i < 30; i++) {
        push(w, 32);
        turn(w, 60);
    }
    receive(w, viewer, "\"seq\":900");
    cr_assert_lt(turns_in_a_second(w), 40);
    close(viewer);
    close(blocked);
    close(silent);
    close(half);
    world_free(w);
}

Test(http, the_server_may_stop_while_viewers_wait)
{
    World *w = world_new();
    int idle = watch(w, NULL), busy = watch(w, NULL);

    turn(w, 50);
    push(w, 3);
    world_free(w);
    close(idle);
    close(busy);
}

Test(http, the_ring_of_events)
{
    EventRing *ring = NULL;
    PacketEvent event = packet(1);
    uint64_t cursor = 12345;

    cr_assert_eq(event_ring_new(4, &ring), 0);
    cr_assert_eq(event_ring_find(ring, 0, &cursor), -ENOENT);
    event_ring_raise_seq(ring, 100);
    cr_assert_eq(event_ring_find(ring, 100, &cursor), -ENOENT, "given out before our time");
    for (int i = 0; i < 3; i++)
        event_ring_push(ring, &event, 0);
    cr_assert_eq(event_ring_get(ring, 0)->seq, 101);
    cr_assert_eq(event_ring_find(ring, 102, &cursor), 0);
    cr_assert_eq(cursor, 2);
    event_ring_push_gap(ring, 5, false);
    event_ring_push_gap(ring, 6, true);
    cr_assert_eq(event_ring_get(ring, 3)->gap_packets, 11);
    cr_assert_eq(event_ring_find(ring, 103, &cursor), 0);
    cr_assert_eq(cursor, 3, "the gap behind it is told again");
    for (int i = 0; i < 3; i++)
        event_ring_push(ring, &event, 0);
    cr_assert_eq(event_ring_tail(ring), 3);
    cr_assert_eq(event_ring_find(ring, 101, &cursor), 1);
    cr_assert_eq(cursor, 3, "what is still held");
    cr_assert_eq(event_ring_find(ring, 107, &cursor), -ENOENT, "too high");
    event_ring_free(ring);
}

/* --- listening
 * --------------------------------------------------------------------------------------- */

Test(http, a_taken_port_is_explained)
{
    World *w = world_new(), *second = world_new_unstarted();
    ConfigError error = {};
    HttpContext context = {.config = second->config};

    cr_assert_eq(string_list_add(&second->config->server.listen, "127.0.0.1"), 0);
    second->config->server.port = http_server_port(w->http);
    cr_assert_eq(
            http_server_new(second->event, &context, NULL, 0, &second->http, &error), -EADDRINUSE);
    cr_assert(strstr(error.message, "127.0.0.1"));
    cr_assert(strstr(error.message, "server.port"), "%s", error.message);
    world_free(second);
    world_free(w);
}
