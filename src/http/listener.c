/* SPDX-License-Identifier: MIT */
/* libmicrohttpd in epoll mode hands out one descriptor that becomes readable when it has work, and
 * a timeout in relative milliseconds. It does not wake this loop for everything (a resumed
 * connection, a limit that is no longer reached), so it is run once a second in any case. MHD_run()
 * is never entered twice: every call comes from an event source of this file. */

#include "http/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/request.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>

#define PUMP_USEC USEC_PER_SEC

struct Listener {
    HttpServer *server;
    struct MHD_Daemon *daemon;
    sd_event_source *io;
    sd_event_source *timer;
    sd_event_source *kick;
};

HttpServer *listener_server(const Listener *listener)
{
    return listener->server;
}

static void on_mhd_log(void *userdata, const char *format, va_list args)
{
    char text[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof(text), format, args);
#pragma GCC diagnostic pop
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("http: %s", text);
}

static void run(Listener *listener)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    uint64_t usec = PUMP_USEC;

    MHD_run(listener->daemon);
    if (MHD_get_timeout(listener->daemon, &timeout_ms) == MHD_YES)
        usec = MIN_OF((uint64_t)timeout_ms * USEC_PER_MSEC, (uint64_t)PUMP_USEC);
    sd_event_source_set_time_relative(listener->timer, usec);
    sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    run(userdata);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    run(userdata);
    return 0;
}

static int on_kick(sd_event_source *source, void *userdata)
{
    run(userdata);
    return 0;
}

void listener_kick(Listener *listener)
{
    sd_event_source_set_enabled(listener->kick, SD_EVENT_ONESHOT);
}

static int add_sources(Listener *listener)
{
    sd_event *event = listener->server->event;
    const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int r;

    if (!info || info->epoll_fd < 0)
        return -EOPNOTSUPP;
    r = sd_event_add_io(event, &listener->io, info->epoll_fd, EPOLLIN, on_readable, listener);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &listener->timer, CLOCK_MONOTONIC, PUMP_USEC,
                10 * USEC_PER_MSEC, on_time, listener);
    if (r >= 0)
        r = sd_event_add_defer(event, &listener->kick, on_kick, listener);
    if (r >= 0)
        r = sd_event_source_set_enabled(listener->kick, SD_EVENT_OFF);
    return r;
}

static struct MHD_Daemon *start(Listener *listener, int fd)
{
    const Config *config = listener->server->context.config;
    /* The order matters: the logger first, so that complaints about the rest are ours. */
    struct MHD_OptionItem options[] = {{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_mhd_log, NULL},
            {MHD_OPTION_LISTEN_SOCKET, fd, NULL}, {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
            {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)config->server.connections_max, NULL},
            {MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                    (intptr_t)config->server.connections_per_address_max, NULL},
            {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)config->server.request_timeout_sec, NULL},
            {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_new, listener},
            {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, listener},
            {MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
            NULL, request_handle, listener, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int listener_new(HttpServer *server, int fd, Listener **ret)
{
    _cleanup_close_ int owned = fd;
    _cleanup_(listener_freep) Listener *listener = calloc(1, sizeof(*listener));
    int flags = fcntl(fd, F_GETFL), r;

    if (!listener)
        return -ENOMEM;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    listener->server = server;
    listener->daemon = start(listener, fd);
    /* MHD closes the socket when it stops, and also when it fails to start. */
    TAKE_FD(owned);
    if (!listener->daemon)
        return -EIO;
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
    sd_event_source_disable_unref(listener->kick);
    sd_event_source_disable_unref(listener->timer);
    sd_event_source_disable_unref(listener->io);
    if (listener->daemon)
        MHD_stop_daemon(listener->daemon);
    free(listener);
    return NULL;
}

unsigned listener_connections(const Listener *listener)
{
    const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info ? info->num_connections : 0;
}
