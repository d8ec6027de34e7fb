/* SPDX-License-Identifier: MIT */
#include "http-world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

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
            .datapath_memory_bytes = on_memory,
            .journal_lost = on_lost,
            .flush_flows = on_flush,
            .watchers_changed = on_watchers,
            .access_denied = on_denied,
            .userdata = w};

    cr_assert_eq(http_server_new(w->event, &context, fds, n_fds, &w->http, &error), 0, "%s",
            error.message);
}

World *world_new_unstarted(void)
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

World *world_new(void)
{
    World *w = world_new_unstarted();

    cr_assert_eq(string_list_add(&w->config->server.listen, "127.0.0.1"), 0);
    start_http(w, NULL, 0);
    cr_assert_gt(http_server_port(w->http), 0);
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
    cr_assert_eq(system(command), 0);
    free(w->response);
    free(w);
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}

void turn(World *w, uint64_t msec)
{
    uint64_t end = clock_monotonic_ns() + msec * NSEC_PER_MSEC;

    while (clock_monotonic_ns() < end)
        sd_event_run(w->event, 2 * USEC_PER_MSEC);
}

/* --- the client
 * -------------------------------------------------------------------------------------- */

int dial_to(const char *ip, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(inet_pton(AF_INET, ip, &to.sin_addr), 1);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int dial(World *w)
{
    return dial_to("127.0.0.1", http_server_port(w->http));
}

void send_all(World *w, int fd, const char *data, size_t size)
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
const char *receive(World *w, int fd, const char *until)
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

const char *exchange_bytes(World *w, const char *request, size_t size)
{
    _cleanup_close_ int fd = dial(w);

    send_all(w, fd, request, size);
    return receive(w, fd, NULL);
}

const char *exchange(World *w, const char *request)
{
    return exchange_bytes(w, request, strlen(request));
}

int status_of(const char *response)
{
    return strncmp(response, "HTTP/1.1 ", 9) == 0 || strncmp(response, "HTTP/1.0 ", 9) == 0
                   ? atoi(response + 9)
                   : 0;
}

const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");

    return end ? end + 4 : "";
}

int request(World *w, const char *method, const char *target, const char *headers, const char *body)
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

int get(World *w, const char *target)
{
    return request(w, "GET", target, "", NULL);
}

int post(World *w, const char *target, const char *body)
{
    return request(w, "POST", target, JSON, body);
}

json_object *body_json(World *w)
{
    json_object *object = NULL;
    const char *body = body_of(w->response), *error = "";

    cr_assert_eq(
            json_parse_strict(body, strlen(body), 8, &object, &error), 0, "%s: %s", error, body);
    return object;
}

bool says(World *w, const char *text)
{
    return strstr(w->response, text) != NULL;
}

/* Every refusal has the same three members. */
void assert_error(World *w, int status, const char *code)
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

/* --- something to show
 * ------------------------------------------------------------------------------------- */

FlowSample sample(
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

void add_flows(World *w)
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

void set_counters(World *w)
{
    Counters counters = {.untracked_packets = 5, .unreadable_packets = 6, .events_lost_packets = 7};

    counters.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_DROP] = (Count){12, 3400};
    counters.events_suppressed_packets[ACTION_PASS] = 8;
    stats_set_counters(w->stats, &counters, 2, clock_monotonic_ns());
}

uint64_t number_in(json_object *object, const char *key)
{
    uint64_t value = UINT64_MAX;

    cr_assert_eq(json_get_uint64(object, key, &value), 1, "%s", key);
    return value;
}

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

void add_alerts(World *w)
{
    static const AlertKind kinds[] = {ALERT_PORT_SCAN, ALERT_VOLUME, ALERT_PORT_SCAN};

    for (uint32_t i = 0; i < ELEMENTSOF(kinds); i++) {
        Alert a = alert(i + 1, kinds[i]);

        a.blocked_until_wall_ns = i == 0 ? a.wall_ns + 600 * NSEC_PER_SEC : 0;
        a.target[0] = i == 1 ? '\0' : a.target[0];
        alert_log_add(w->alerts, &a);
    }
}

bool has_line(World *w, const char *line)
{
    const char *at = strstr(body_of(w->response), line);

    return at && at[-1] == '\n' && at[strlen(line)] == '\n';
}
