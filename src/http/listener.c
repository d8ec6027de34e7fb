/* SPDX-License-Identifier: MIT */
#include "http/listener.h"

#include "http/connections.h"
#include "http/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop-timer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Without a descriptor or memory for another one: somebody is cut off, and it takes a while. */
#define EXHAUSTED_USEC (100 * USEC_PER_MSEC)

struct Listener {
    HttpServer *server;
    int fd;
    bool resting, exhausted;
    sd_event_source *io;
    sd_event_source *retry; /* after exhaustion */
};

/* So short that the socket's empty buffer takes it at once. The body ends with the connection. */
static void turn_away(int fd)
{
    static const char answer[] =
            "HTTP/1.1 503 Service Unavailable\r\n"
            "Content-Type: application/json\r\nRetry-After: 5\r\n"
            "Connection: close\r\n\r\n"
            "{\"ok\":false,\"error\":\"busy\",\"message\":\"too many connections; "
            "see server.connections_max\"}";

    (void)send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
}

static void enable(Listener *listener)
{
    bool on = !listener->resting && !listener->exhausted;

    sd_event_source_set_enabled(listener->io, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

void listener_rest(Listener *listener, bool rest)
{
    listener->resting = rest;
    enable(listener);
}

static void exhausted(Listener *listener)
{
    log_debug("http: can't accept: %s", strerror(errno));
    connections_relieve(listener->server->connections);
    listener->exhausted = true;
    enable(listener);
    (void)loop_timer_set(listener->retry, EXHAUSTED_USEC);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    Listener *listener = userdata;

    listener->exhausted = false;
    enable(listener);
    return 0;
}

/* False: there is nobody more, for now. */
static bool accept_one(Listener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } address = {};
    socklen_t size = sizeof(address);
    HttpServer *server = listener->server;
    _cleanup_close_ int fd =
            accept4(listener->fd, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    Connection *connection;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        exhausted(listener);
    if (fd < 0) /* or it is gone already, and the next one is asked for in the next round */
        return false;
    if (connections_add(server->connections, fd, &address.any, clock_monotonic_ns(), &connection) !=
            CONNECTION_NOT_REFUSED)
        turn_away(fd);
    else {
        TAKE_FD(fd);
        (void)engine_add(
                server->engine, connection, &address.any, MIN_OF(size, (socklen_t)sizeof(address)));
    }
    return true;
}

void listener_accept(Listener *listener)
{
    if (listener->exhausted)
        return;
    for (int i = 0; i < LISTENER_ACCEPTS_MAX && accept_one(listener); i++)
        ;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    Listener *listener = userdata;
    uint64_t begin_ns = clock_thread_ns();

    listener_accept(listener);
    engine_charge(listener->server->engine, begin_ns);
    engine_kick(listener->server->engine);
    return 0;
}

static int add_sources(Listener *listener)
{
    sd_event *event = listener->server->event;
    int r = sd_event_add_io(event, &listener->io, listener->fd, EPOLLIN, on_readable, listener);

    if (r >= 0)
        r = sd_event_source_set_priority(listener->io, HTTP_PRIORITY);
    if (r >= 0)
        r = loop_timer_new(event, on_retry, listener, &listener->retry);
    return r;
}

int listener_new(HttpServer *server, int fd, Listener **ret)
{
    _cleanup_close_ int owned = fd;
    _cleanup_(listener_freep) Listener *listener = calloc(1, sizeof(*listener));
    int flags = fcntl(fd, F_GETFL), r;

    if (!listener)
        return -ENOMEM;
    listener->server = server;
    listener->fd = TAKE_FD(owned);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    r = add_sources(listener);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(listener);
    return 0;
}

Listener *listener_free(Listener *listener)
{
    if (!listener)
        return NULL;
    sd_event_source_disable_unref(listener->retry);
    sd_event_source_disable_unref(listener->io);
    safe_close(listener->fd);
    free(listener);
    return NULL;
}
