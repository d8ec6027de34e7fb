/* SPDX-License-Identifier: MIT */
#include "http-world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

World *world_new(void)
{
    World *w = world_new_unstarted();

    cr_assert_eq(string_list_add(&w->config->server.listen, "127.0.0.1"), 0);
    start_http(w, NULL, 0);
    cr_assert_gt(http_server_port(w->http), 0);
    return w;
}

/* --- the client */

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

/* --- something to show */

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
