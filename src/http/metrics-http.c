/* SPDX-License-Identifier: MIT */
#include "http/metrics-http.h"

#include "http/connections.h"
#include "http/engine.h"
#include "http/held.h"
#include "http/queue.h"
#include "http/routes.h"
#include "http/sse.h"

#include "base/clock.h"

static void out_requests(MetricText *out, const HttpServer *server)
{
    char code[8];

    metric_counter(
            out, "ntc_http_requests_total", "HTTP requests answered, by route and status code.");
    for (size_t i = 0; i < HTTP_ROUTES_MAX; i++)
        for (unsigned status = 0; status < HTTP_STATUS_MAX; status++) {
            if (server->requests[i][status] == 0)
                continue;
            snprintf(code, sizeof(code), "%u", status);
            metric_uint64(out, METRIC_LABELS({"path", routes_path(i)}, {"code", code}),
                    server->requests[i][status]);
        }
}

static void out_stream(MetricText *out, const EventStream *stream)
{
    metric_gauge_value(
            out, "ntc_sse_clients", "Clients of the live view.", event_stream_clients(stream));
    metric_counter(out, "ntc_sse_disconnected_total",
            "Clients of the live view that are gone, by reason.");
    for (int i = 0; i < _SSE_REASON_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"reason", sse_reason_name((SseReason)i)}),
                event_stream_disconnected(stream, (SseReason)i));
}

static void out_connections(MetricText *out, const HttpServer *server)
{
    const Connections *all = server->connections;

    metric_gauge_value(
            out, "ntc_http_connections", "Open HTTP connections.", connections_count(all));
    metric_gauge_value(out, "ntc_http_peers",
            "Addresses and users that something is remembered of.", peers_count(server->peers));
    metric_counter(out, "ntc_http_connections_refused_total",
            "Connections for which there was no room, by reason.");
    for (int i = CONNECTION_NOT_REFUSED + 1; i < _CONNECTION_REFUSAL_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"reason", connection_refusal_name((ConnectionRefusal)i)}),
                connections_refused(all, (ConnectionRefusal)i));
    metric_counter(out, "ntc_http_connections_cut_total",
            "Connections cut off: for taking too long, or to make room for others.");
    for (int i = 0; i < _CONNECTION_CUT_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"reason", connection_cut_name((ConnectionCut)i)}),
                connections_cut(all, (ConnectionCut)i));
}

static void out_answers(MetricText *out, const HttpServer *server)
{
    metric_gauge_value(out, "ntc_http_answer_bytes",
            "Answers that wait until strangers have taken them, small ones aside.", server->held);
    metric_counter_value(out, "ntc_http_answers_refused_total",
            "Answers for which there was no room, as too many waited.", server->held_refused);
}

static void out_share(MetricText *out, const HttpServer *server)
{
    metric_gauge_value(out, "ntc_http_queue_length", "Complete requests that wait for their turn.",
            queue_length(server->queue));
    metric_counter_value(out, "ntc_http_rests_total",
            "Times HTTP rested because it had used up its share.", engine_rests(server->engine));
    metric_counter(out, "ntc_http_rested_seconds_total", "How long it rested.");
    metric_double(out, NULL, (double)engine_rested_usec(server->engine) / (double)USEC_PER_SEC);
    metric_counter_value(out, "ntc_http_denied_total",
            "Requests of callers that may not, and wrong tokens.", server->refused);
}

static void out_limits(MetricText *out, const HttpServer *server)
{
    const Config *config = server->context.config;
    ConnectionLimits connections = connections_limits(server->connections);
    const struct {
        const char *name;
        uint64_t value;
    } limits[] = {{"connections", connections.max},
            {"connections_per_address", config->server.connections_per_address_max},
            {"connections_reserve", connections.reserve},
            {"request_seconds", config->server.request_timeout_sec},
            {"header_bytes", config->server.header_max_bytes},
            {"body_bytes", config->server.body_max_bytes}, {"answer_bytes", HELD_MAX},
            {"answer_bytes_per_address", HELD_PEER_MAX},
            {"sse_clients", config->server.sse_clients_max},
            {"sse_clients_per_address", config->server.sse_clients_per_address_max}};

    metric_gauge(out, "ntc_http_limit", "The limits of the HTTP server that are in force.");
    for (size_t i = 0; i < ELEMENTSOF(limits); i++)
        metric_uint64(out, METRIC_LABELS({"limit", limits[i].name}), limits[i].value);
}

void metrics_http(MetricText *out, const HttpServer *server)
{
    out_requests(out, server);
    out_connections(out, server);
    out_answers(out, server);
    out_share(out, server);
    out_limits(out, server);
    out_stream(out, server->stream);
}
