/* SPDX-License-Identifier: MIT */
/* libmicrohttpd in epoll mode hands out one descriptor that becomes readable when it has work, and
 * a timeout in relative milliseconds. It does not wake this loop for everything (a resumed
 * connection, for one), so there is a turn once a second in any case. MHD_run() is never entered
 * twice: every call comes from turn(), and turn() only from an event source of this file. */

#include "http/engine.h"

#include "http/listener.h"
#include "http/queue.h"
#include "http/request.h"
#include "http/sse.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>

#define PUMP_USEC USEC_PER_SEC
/* How long complete requests are run in one turn: as they come, and of those that had to wait. */
#define AT_ONCE_NS (2 * NSEC_PER_MSEC)
#define RUN_NS     (5 * NSEC_PER_MSEC)
/* HTTP's share of the time is a half, over any while much longer than this. */
#define BURST_NS    (10 * NSEC_PER_MSEC)
#define REST_MIN_NS (2 * NSEC_PER_MSEC)

#define CONNECTIONS_MAX (1 << 20)

/* libmicrohttpd keeps a connection's head, its parts and its answer's head in a pool of fixed size,
 * all of which it clears after each request. One of more than 32 KiB it maps, so that its memory
 * goes back to the system when the connection ends. */
#define POOL_BYTES(header_max_bytes) (2 * (size_t)(header_max_bytes) + 8192)

struct Engine {
    HttpServer *server;
    struct MHD_Daemon *daemon;
    sd_event_source *io;
    sd_event_source *timer; /* the next turn, at the latest */
    uint64_t due_usec;      /* when; 0: it is off */
    sd_event_source *kick;
    bool resting;
    uint64_t even_ns; /* when what was used will be made up for */
    uint64_t swept_ns;
    uint64_t rests, rested_usec;
};

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

/* --- turns */

static void arm(Engine *engine, uint64_t at_usec)
{
    engine->due_usec = at_usec;
    sd_event_source_set_time(engine->timer, at_usec);
    sd_event_source_set_enabled(engine->timer, SD_EVENT_ONESHOT);
}

/* One that is due earlier arms anew. */
static void arm_at_the_latest(Engine *engine, uint64_t at_usec)
{
    if (engine->due_usec == 0 || engine->due_usec > at_usec)
        arm(engine, at_usec);
}

static void set_resting(Engine *engine, bool resting)
{
    engine->resting = resting;
    sd_event_source_set_enabled(engine->io, resting ? SD_EVENT_OFF : SD_EVENT_ON);
    sd_event_source_set_enabled(engine->kick, SD_EVENT_OFF);
    for (size_t i = 0; i < engine->server->n_listeners; i++)
        listener_rest(engine->server->listeners[i], resting);
}

/* It may have to rest again at once, before the loop looks at a listener. */
static void wake_up(Engine *engine)
{
    set_resting(engine, false);
    for (size_t i = 0; i < engine->server->n_listeners; i++)
        listener_accept(engine->server->listeners[i]);
}

/* Processor time is what is shared: while others keep the processor busy, nothing is used up. */
void engine_charge(Engine *engine, uint64_t begin_thread_ns)
{
    uint64_t used_ns = clock_thread_ns() - begin_thread_ns;
    uint64_t begun_ns = clock_monotonic_ns() - used_ns;

    engine->even_ns = MAX_OF(engine->even_ns, begun_ns) + 2 * used_ns;
}

static uint64_t rest_due_ns(const Engine *engine, uint64_t now_ns)
{
    if (engine->even_ns <= now_ns + BURST_NS)
        return 0;
    return MAX_OF(engine->even_ns - now_ns - BURST_NS, REST_MIN_NS);
}

static void sweep(Engine *engine, uint64_t now_ns)
{
    if (now_ns - engine->swept_ns < NSEC_PER_SEC)
        return;
    engine->swept_ns = now_ns;
    connections_sweep(engine->server->connections, now_ns);
    event_stream_sweep(engine->server->stream, now_ns);
    peers_sweep(engine->server->peers, now_ns);
}

static void schedule(Engine *engine)
{
    uint64_t now_ns = clock_monotonic_ns(), rest = rest_due_ns(engine, now_ns);
    MHD_UNSIGNED_LONG_LONG timeout_ms = PUMP_USEC / USEC_PER_MSEC; /* if it has none */

    if (rest > 0) {
        engine->rests++;
        engine->rested_usec += rest / NSEC_PER_USEC;
        set_resting(engine, true);
        arm(engine, (now_ns + rest) / NSEC_PER_USEC);
        return;
    }
    (void)MHD_get_timeout(engine->daemon, &timeout_ms);
    if (timeout_ms == 0 || queue_waits(engine->server->queue))
        engine_kick(engine);
    else
        arm_at_the_latest(engine, now_ns / NSEC_PER_USEC + timeout_ms * USEC_PER_MSEC);
}

static void turn(Engine *engine)
{
    uint64_t begin_thread_ns = clock_thread_ns(), now_ns = clock_monotonic_ns();

    if (engine->resting)
        wake_up(engine);
    sweep(engine, now_ns);
    queue_begin_turn(engine->server->queue, now_ns, AT_ONCE_NS);
    MHD_run(engine->daemon);
    if (queue_waits(engine->server->queue) && queue_run(engine->server->queue, RUN_NS))
        MHD_run(engine->daemon);
    engine_charge(engine, begin_thread_ns);
    schedule(engine);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    turn(userdata);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    Engine *engine = userdata;

    engine->due_usec = 0;
    turn(engine);
    return 0;
}

static int on_kick(sd_event_source *source, void *userdata)
{
    turn(userdata);
    return 0;
}

void engine_kick(Engine *engine)
{
    if (!engine->resting)
        sd_event_source_set_enabled(engine->kick, SD_EVENT_ONESHOT);
}

/* --- connections */

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
        enum MHD_ConnectionNotificationCode what)
{
    const Engine *engine = userdata;
    const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *context = info ? connections_find(engine->server->connections, info->connect_fd) : NULL;
    else
        *context = connection_free(*context);
}

int engine_add(Engine *engine, Connection *connection, const struct sockaddr *address,
        socklen_t address_size)
{
    int fd = connection->fd;

    if (MHD_add_connection(engine->daemon, fd, address, address_size) == MHD_YES)
        return 0;
    connection_free(connections_find(engine->server->connections, fd));
    return -EIO;
}

/* --- construction */

static int add_sources(Engine *engine)
{
    sd_event *event = engine->server->event;
    const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(engine->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int r;

    if (!info || info->epoll_fd < 0)
        return -EOPNOTSUPP;
    r = sd_event_add_io(event, &engine->io, info->epoll_fd, EPOLLIN, on_readable, engine);
    if (r >= 0)
        r = sd_event_source_set_priority(engine->io, HTTP_PRIORITY);
    if (r >= 0)
        r = sd_event_add_time_relative(
                event, &engine->timer, CLOCK_MONOTONIC, PUMP_USEC, USEC_PER_MSEC, on_time, engine);
    if (r >= 0)
        r = sd_event_source_set_priority(engine->timer, HTTP_PRIORITY);
    if (r >= 0)
        r = sd_event_add_defer(event, &engine->kick, on_kick, engine);
    if (r >= 0)
        r = sd_event_source_set_priority(engine->kick, HTTP_PRIORITY);
    if (r >= 0)
        r = sd_event_source_set_enabled(engine->kick, SD_EVENT_OFF);
    return r;
}

static struct MHD_Daemon *start(Engine *engine)
{
    const Config *config = engine->server->context.config;
    /* The limits are ours (connections.c), and may change; libmicrohttpd's must only not be in the
     * way. */
    intptr_t connections = CONNECTIONS_MAX;
    /* The order matters: the logger first, so that complaints about the rest are ours. */
    struct MHD_OptionItem options[] = {{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_mhd_log, NULL},
            {MHD_OPTION_CONNECTION_LIMIT, connections, NULL},
            {MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                    (intptr_t)POOL_BYTES(config->server.header_max_bytes), NULL},
            {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_new, engine->server},
            {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_completed, engine->server},
            {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, engine},
            {MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(
            MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
            0, NULL, NULL, request_handle, engine->server, MHD_OPTION_ARRAY, options,
            MHD_OPTION_END);
}

int engine_new(HttpServer *server, Engine **ret)
{
    _cleanup_(engine_freep) Engine *engine = calloc(1, sizeof(*engine));
    int r;

    if (!engine)
        return -ENOMEM;
    engine->server = server;
    engine->daemon = start(engine);
    if (!engine->daemon)
        return -EIO;
    r = add_sources(engine);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(engine);
    return 0;
}

Engine *engine_free(Engine *engine)
{
    if (!engine)
        return NULL;
    sd_event_source_disable_unref(engine->kick);
    sd_event_source_disable_unref(engine->timer);
    sd_event_source_disable_unref(engine->io);
    if (engine->daemon)
        MHD_stop_daemon(engine->daemon);
    free(engine);
    return NULL;
}

uint64_t engine_rests(const Engine *engine)
{
    return engine->rests;
}

uint64_t engine_rested_usec(const Engine *engine)
{
    return engine->rested_usec;
}
