/* SPDX-License-Identifier: MIT */
#include "http/server-state.h"

#include "http/access.h"
#include "http/listener.h"
#include "http/peers.h"
#include "http/request.h"
#include "http/sockets.h"
#include "http/sse.h"

#include <string.h>

#define PEERS_MAX 4096

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
    r = event_stream_new(server, &server->stream);
    if (r >= 0)
        r = peers_new(PEERS_MAX, &server->peers);
    if (r >= 0)
        r = access_new(server, &server->access, error);
    if (r < 0)
        return r;
    if (n_fds == 0) {
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
    event_stream_free(server->stream);
    access_free(server->access);
    peers_free(server->peers);
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
