/* SPDX-License-Identifier: MIT */
#include "http/server-state.h"

#include "http/access.h"
#include "http/connections.h"
#include "http/engine.h"
#include "http/listener.h"
#include "http/peers.h"
#include "http/queue.h"
#include "http/request.h"
#include "http/response.h"
#include "http/sockets.h"
#include "http/sse.h"

#include "base/log.h"

#include <string.h>
#include <sys/resource.h>

#define PEERS_MIN 4096

/* Closes what was not handed to a listener. */
static int add_listeners(HttpServer *server, const int *fds, size_t n, ConfigError *error)
{
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        uint16_t port = socket_port(fds[i]);

        if (r >= 0 && server->n_listeners == LISTENERS_MAX)
            r = -E2BIG;
        if (r < 0) {
            safe_close(fds[i]);
            continue;
        }
        r = listener_new(server, fds[i], &server->listeners[server->n_listeners]);
        if (r < 0)
            continue;
        server->n_listeners++;
        if (server->port == 0)
            server->port = port;
    }
    if (r < 0)
        snprintf(error->message, sizeof(error->message), "the HTTP server could not be started: %s",
                strerror(-r));
    return r;
}

/* Everybody who is connected has a record, and as many who were. */
static size_t peers_max(const Config *config)
{
    return MAX_OF((size_t)PEERS_MIN,
            2 * ((size_t)config->server.connections_max + config->server.connections_reserve));
}

/* A process begins with few, for the sake of those who use select(2). */
static size_t raise_descriptor_limit(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    if (limit.rlim_cur >= wanted)
        return limit.rlim_cur;
    limit.rlim_cur = MIN_OF((rlim_t)wanted, limit.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

static void take_descriptors(HttpServer *server)
{
    size_t wanted = connections_descriptors(server->context.config);

    server->descriptors = raise_descriptor_limit(wanted);
    if (server->descriptors < wanted)
        log_warning("Only %zu of the %zu descriptors that server.connections_max needs may be open "
                    "(LimitNOFILE=, ulimit -n): there will be no more than %zu connections",
                server->descriptors, wanted, connections_limits(server->connections).max);
}

static int make_parts(HttpServer *server, ConfigError *error)
{
    int r = event_stream_new(server, &server->stream);

    if (r >= 0)
        r = peers_new(peers_max(server->context.config), &server->peers);
    if (r >= 0)
        r = access_new(server, &server->access, error);
    if (r >= 0)
        r = connections_new(server, &server->connections);
    if (r >= 0)
        r = queue_new(server, &server->queue);
    if (r >= 0)
        r = responses_new(&server->responses);
    if (r >= 0)
        r = engine_new(server, &server->engine);
    return r;
}

/* Who set them may believe that nobody else can connect. */
static void warn_of_unused_addresses(const Config *config)
{
    if (config->server.listen.count > 0)
        log_warning(
                "server.listen is not used: systemd passes sockets, and ntc.socket says where they "
                "listen (systemctl edit ntc.socket; docs/systemd.md)");
}

int http_server_new(sd_event *event, const HttpContext *context, const int *fds, size_t n_fds,
        HttpServer **ret, ConfigError *error)
{
    _cleanup_(http_server_freep) HttpServer *server = calloc(1, sizeof(*server));
    int own[LISTENERS_MAX];
    int r;

    if (!server)
        return -ENOMEM;
    server->event = sd_event_ref(event);
    server->context = *context;
    if (gethostname(server->hostname, sizeof(server->hostname) - 1) < 0)
        server->hostname[0] = '\0';
    r = make_parts(server, error);
    if (r < 0)
        return r;
    take_descriptors(server);
    if (n_fds > 0) {
        warn_of_unused_addresses(context->config);
    } else {
        r = sockets_listen(context->config, own, ELEMENTSOF(own), &n_fds, error);
        if (r < 0)
            return r;
        fds = own;
    }
    r = add_listeners(server, fds, n_fds, error);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(server);
    return 0;
}

/* libmicrohttpd aborts when it is stopped with suspended connections. */
HttpServer *http_server_free(HttpServer *server)
{
    if (!server)
        return NULL;
    server->stopping = true;
    requests_abandon(server);
    if (server->stream)
        event_stream_stop(server->stream);
    while (server->n_listeners > 0)
        listener_free(server->listeners[--server->n_listeners]);
    engine_free(server->engine);
    responses_free(server->responses);
    queue_free(server->queue);
    connections_free(server->connections);
    access_free(server->access);
    peers_free(server->peers);
    event_stream_free(server->stream);
    sd_event_unref(server->event);
    free(server);
    return NULL;
}

int http_server_reload(HttpServer *server, const Config *config, ConfigError *error)
{
    int r = access_reload(server->access, config, error);

    if (r < 0)
        return r;
    server->context.config = config;
    peers_set_max(server->peers, peers_max(config));
    take_descriptors(server);
    if (gethostname(server->hostname, sizeof(server->hostname) - 1) < 0)
        server->hostname[0] = '\0';
    return 0;
}

uint16_t http_server_port(const HttpServer *server)
{
    return server->port;
}

void http_server_push_event(HttpServer *server, const PacketEvent *event)
{
    event_stream_push(server->stream, event);
}

void http_server_push_gap(HttpServer *server, uint64_t packets)
{
    event_stream_push_gap(server->stream, packets);
}

void http_server_push_alert(HttpServer *server, uint64_t number)
{
    event_stream_push_alert(server->stream, number);
}
