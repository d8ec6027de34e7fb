/* SPDX-License-Identifier: MIT */
/* Requests in general: what is served, bodies, connections that wait, sockets. */

#include "http-world.h"

#include <string.h>
#include <sys/socket.h>

/* --- reading */

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

/* --- bodies */

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

/* --- waiting */

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

Test(http, more_connections_after_a_reload)
{
    enum { MORE = 120 };
    static const char rest[] = "Host: localhost\r\nConnection: close\r\n\r\n";
    World *w = world_new_unstarted();
    ConfigError error = {};
    int fds[MORE];

    w->config->server.connections_max = 8;
    w->config->server.connections_reserve = 4;
    cr_assert_eq(string_list_add(&w->config->server.listen, "127.0.0.1"), 0);
    start_http(w, NULL, 0);
    w->config->server.connections_max = MORE + 1;
    w->config->server.connections_per_address_max = MORE + 1;
    cr_assert_eq(http_server_reload(w->http, w->config, &error), 0);
    for (size_t i = 0; i < MORE; i++) {
        fds[i] = dial(w);
        send_all(w, fds[i], "GET / HTTP/1.1\r\n", 16);
    }
    turn(w, 50);
    for (size_t i = 0; i < MORE; i++) {
        send_all(w, fds[i], rest, strlen(rest));
        cr_assert_eq(status_of(receive(w, fds[i], NULL)), 200, "the %zuth", i + 1);
        close(fds[i]);
    }
    world_free(w);
}

/* --- listening */

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
