/* SPDX-License-Identifier: MIT */
/* Answers that nobody reads: how much of them is held, and for whom. */

#include "http-world.h"

#include "http/held.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- the sums */

typedef struct Asker {
    Peer peer;
    Connection connection;
    Request requests[40];
} Asker;

static Asker *asker_new(HttpServer *server)
{
    Asker *a = calloc(1, sizeof(*a));

    a->connection = (Connection){.peer = &a->peer, .caller.uid = UID_NONE};
    for (size_t i = 0; i < ELEMENTSOF(a->requests); i++)
        a->requests[i] = (Request){.server = server, .from = &a->connection};
    return a;
}

static Asker *asker_free(Asker *a)
{
    for (size_t i = 0; i < ELEMENTSOF(a->requests); i++) {
        held_release(&a->requests[i]);
        reply_done(&a->requests[i].reply);
    }
    cr_assert_eq(a->peer.held, 0);
    free(a);
    return NULL;
}

/* The status of an answer of so many bytes. */
static unsigned ask(Asker *a, size_t i, size_t size)
{
    reply_done(&a->requests[i].reply);
    a->requests[i].reply.status = 200;
    a->requests[i].reply.body.size = size;
    held_take(&a->requests[i]);
    return a->requests[i].reply.status;
}

#define MIB ((size_t)1024 * 1024)

Test(http_held, one_peer_has_its_share_and_all_have_a_sum)
{
    World *w = world_new();
    Asker *askers[6];

    for (size_t i = 0; i < ELEMENTSOF(askers); i++)
        askers[i] = asker_new(w->http);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(ask(askers[0], i, MIB), 200);
    cr_assert_eq(ask(askers[0], 8, MIB), 503);
    cr_assert_eq(askers[0]->requests[8].reply.retry_after_sec, 5);
    cr_assert_eq(ask(askers[0], 8, HELD_SMALL_MAX), 200, "small ones are always sent");
    cr_assert_eq(ask(askers[1], 0, MIB), 200, "others are sent theirs");
    cr_assert_eq(w->http->held, 9 * MIB);
    held_release(&askers[0]->requests[0]);
    cr_assert_eq(ask(askers[0], 8, MIB), 200);

    for (size_t peer = 1; peer < 4; peer++)
        for (size_t i = 1; i < 9; i++)
            cr_assert_eq(ask(askers[peer], i, MIB - (i == 8) * MIB / 2),
                    i == 8 && peer == 1 ? 503 : 200);
    cr_assert_leq(w->http->held, HELD_MAX);
    cr_assert_eq(ask(askers[4], 0, 2 * MIB), 503);
    cr_assert_eq(ask(askers[4], 0, HELD_SMALL_MAX), 200);

    for (size_t i = 0; i < ELEMENTSOF(askers); i++)
        asker_free(askers[i]);
    cr_assert_eq(w->http->held, 0);
    world_free(w);
}

Test(http_held, a_single_answer_is_sent_whatever_its_size)
{
    World *w = world_new();
    Asker *a = asker_new(w->http), *b = asker_new(w->http);

    cr_assert_eq(ask(a, 0, 2 * HELD_MAX), 200);
    cr_assert_eq(ask(a, 1, HELD_SMALL_MAX + 1), 503);
    cr_assert_eq(ask(b, 0, HELD_SMALL_MAX + 1), 503);
    held_release(&a->requests[0]);
    cr_assert_eq(ask(a, 1, HELD_SMALL_MAX + 1), 200);
    cr_assert_eq(ask(b, 0, HELD_SMALL_MAX + 1), 200);
    asker_free(a);
    asker_free(b);
    world_free(w);
}

Test(http_held, who_may_change_things_is_always_answered)
{
    World *w = world_new();
    Asker *a = asker_new(w->http), *b = asker_new(w->http);

    cr_assert_eq(ask(a, 0, 2 * HELD_MAX), 200);
    b->connection.caller.uid = geteuid();
    cr_assert_eq(ask(b, 0, MIB), 200);
    b->requests[1].headers.from_proxy = true;
    cr_assert_eq(ask(b, 1, MIB), 503, "somebody else's");
    b->requests[1].token_valid = true;
    cr_assert_eq(ask(b, 1, MIB), 200);
    cr_assert_eq(w->http->held, 2 * HELD_MAX);
    asker_free(a);
    asker_free(b);
    world_free(w);
}

/* --- clients */

#define CLIENTS 40
#define ENTRIES 700

static struct sockaddr_un address;

/* A unix socket: what the kernel takes from the server is little. */
static World *world_on_unix_socket(void)
{
    World *w = world_new_unstarted();
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/http.sock", w->folder);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 64), 0);
    start_http(w, &listener, 1);
    return w;
}

static int send_to_socket(World *w, const char *text)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    send_all(w, fd, text, strlen(text));
    return fd;
}

static int status_from(World *w, int fd)
{
    int status = status_of(receive(w, fd, NULL));

    close(fd);
    return status;
}

static void fill_list(World *w)
{
    char comment[LIST_COMMENT_MAX] = "", text[1024], body[512];

    memset(comment, 'x', sizeof(comment) - 1);
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"203.0.%d.%d\",\"comment\":\"%s\"}", i / 250,
                i % 250, comment);
        snprintf(text, sizeof(text),
                "POST /blacklist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                "Content-Length: %zu\r\n\r\n%s",
                strlen(body), body);
        cr_assert_eq(status_from(w, send_to_socket(w, text)), 200, "%s", w->response);
    }
}

#define GET(path, headers)                                                                         \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" headers "\r\n"
#define ALL     "/blacklist?limit=10000"
#define SOMEONE "X-Forwarded-For: 192.0.2.1\r\n"

Test(http_held, clients_that_do_not_read_fill_no_memory)
{
    World *w = world_on_unix_socket();
    int clients[CLIENTS];

    fill_list(w);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = send_to_socket(w, GET(ALL, SOMEONE));
    turn(w, 200);
    cr_assert_gt(w->http->held, HELD_PEER_MAX / 2);
    cr_assert_leq(w->http->held, HELD_PEER_MAX);

    cr_assert_eq(status_from(w, send_to_socket(w, GET(ALL, SOMEONE))), 503);
    assert_error(w, 503, "busy");
    cr_assert(says(w, "\r\nRetry-After: 5\r\n"), "%s", w->response);
    cr_assert_eq(status_from(w, send_to_socket(w, GET("/blacklist?limit=10", SOMEONE))), 200);
    cr_assert_eq(status_from(w, send_to_socket(w, GET(ALL, ""))), 200, "the owner");
    cr_assert_eq(status_from(w, send_to_socket(w, GET("/metrics", ""))), 200);
    cr_assert(has_line(w, "ntc_http_limit{limit=\"answer_bytes_per_address\"} 8388608"));
    cr_assert_not(says(w, "\nntc_http_answer_bytes 0\n"));
    cr_assert_not(says(w, "\nntc_http_answers_refused_total 0\n"));

    cr_assert_eq(status_from(w, clients[0]), 200, "who reads at last gets it whole");
    cr_assert_eq(status_from(w, send_to_socket(w, GET(ALL, SOMEONE))), 200, "and made room");
    for (int i = 1; i < CLIENTS; i++)
        close(clients[i]);
    turn(w, 200);
    cr_assert_eq(w->http->held, 0);
    world_free(w);
}
