/* SPDX-License-Identifier: MIT */
/* Who may what, and messages that should not be. */

#include "http-world.h"

#include "http/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- strangers */

Test(http_access, host_rules)
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

Test(http_access, origin_rules)
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

Test(http_access, a_foreign_host_is_told_the_setting)
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

Test(http_access, ambiguous_messages_are_refused)
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

Test(http_access, garbage_does_no_harm)
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

/* An edit with one more header. */
static unsigned write_with(World *w, const char *header)
{
    char headers[256];

    snprintf(headers, sizeof(headers), "%s%s", JSON, header);
    return request(w, "POST", "/blacklist", headers, "{\"ip\":\"203.0.113.1\"}");
}

Test(http_access, other_sites_may_not_write)
{
    static const char *const bad[] = {"Origin: http://evil.com\r\n", "Origin: null\r\n",
            "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
            "Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n"};
    static const char *const good[] = {
            "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Site: none\r\n"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        write_with(w, bad[i]);
        assert_error(w, 403, "forbidden");
        cr_assert_eq(
                request(w, "GET", "/blacklist", bad[i], NULL), 200, "links from elsewhere work");
    }
    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        cr_assert_eq(write_with(w, good[i]), 200);
    world_free(w);
}

Test(http_access, a_proxy_is_never_local)
{
    static const char *const bad[] = {
            "Forwarded: for=192.0.2.1\r\n", "x-forwarded-for: 127.0.0.1\r\n"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        write_with(w, bad[i]);
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

Test(http_access, from_elsewhere_one_may_only_read)
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

Test(http_access, the_unix_socket_knows_the_uid)
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
