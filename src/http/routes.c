/* SPDX-License-Identifier: MIT */
#include "http/routes.h"

#include "http/assets.h"
#include "http/sse.h"

#include <string.h>

#define ROUTE_ASSETS "/assets/*"

typedef void (*RouteFn)(Request *request);

typedef struct RouteMethod {
    RouteFn run; /* NULL: not allowed */
    RouteBody body;
} RouteMethod;

struct Route {
    const char *path;
    const char *allow;
    const char *about;
    RouteMethod methods[_METHOD_MAX];
};

/* The index is part of ntc_http_requests_total's storage. */
static const Route routes[] = {
        {"/", "GET, HEAD", "this page", {[METHOD_GET] = {route_index}}},
        {"/events", "GET, HEAD", "packets as they come (server-sent events)",
                {[METHOD_GET] = {route_events}}},
        {"/metrics", "GET, HEAD", "metrics for Prometheus", {[METHOD_GET] = {route_metrics}}},
        {"/blacklist", "GET, HEAD, POST, DELETE", "addresses whose packets are dropped",
                {[METHOD_GET] = {route_list_get},
                        [METHOD_POST] = {route_list_post, ROUTE_BODY_REQUIRED},
                        [METHOD_DELETE] = {route_list_delete}}},
        {"/whitelist", "GET, HEAD, POST, DELETE", "addresses that the blacklist never touches",
                {[METHOD_GET] = {route_list_get},
                        [METHOD_POST] = {route_list_post, ROUTE_BODY_REQUIRED},
                        [METHOD_DELETE] = {route_list_delete}}},
        {"/blacklist/confirm", "POST", "POST: an entry added with confirm is to stay",
                {[METHOD_POST] = {route_list_confirm, ROUTE_BODY_REQUIRED}}},
        {"/whitelist/confirm", "POST", "POST: an entry added with confirm is to stay",
                {[METHOD_POST] = {route_list_confirm, ROUTE_BODY_REQUIRED}}},
        {"/flows", "GET, HEAD", "current flows", {[METHOD_GET] = {route_flows}}},
        {"/flows/flush", "POST", "POST: end all flows now",
                {[METHOD_POST] = {route_flows_flush, ROUTE_BODY_OPTIONAL}}},
        {"/talkers", "GET, HEAD", "addresses over the last 60 seconds",
                {[METHOD_GET] = {route_talkers}}},
        {"/history", "GET, HEAD", "rates of the last ten minutes",
                {[METHOD_GET] = {route_history}}},
        {"/alerts", "GET, HEAD", "scans and floods that were noticed",
                {[METHOD_GET] = {route_alerts}}},
        {"/status", "GET, HEAD", "what the daemon is and does", {[METHOD_GET] = {route_status}}},
        /* Stands for all the files of the web UI. */
        {ROUTE_ASSETS, "GET, HEAD", "files of the web page", {[METHOD_GET] = {route_asset}}},
        {"/healthz", "GET, HEAD", "liveness", {[METHOD_GET] = {route_healthz}}},
};
_Static_assert(
        ELEMENTSOF(routes) < HTTP_ROUTES_MAX, "a counter for every route, and one for the rest");

void routes_find(Request *request)
{
    const char *path = request->path;

    request->route_index = ROUTE_OTHER;
    if (strcmp(path, "/") != 0 && assets_has(path))
        path = ROUTE_ASSETS;
    else if (strcmp(path, ROUTE_ASSETS) == 0)
        return;
    for (size_t i = 0; i < ELEMENTSOF(routes); i++)
        if (strcmp(routes[i].path, path) == 0)
            request->route_index = i;
}

bool routes_check(Request *request)
{
    if (request->route_index == ROUTE_OTHER) {
        reply_error(&request->reply, 404, "not-found", "there is nothing here");
        return false;
    }
    const Route *route = &routes[request->route_index];
    if (!route->methods[request->method].run) {
        reply_error(&request->reply, 405, "method-not-allowed", "%s takes %s", route->path,
                route->allow);
        request->reply.allow = route->allow;
        return false;
    }
    return true;
}

RouteBody routes_body(const Request *request)
{
    return routes[request->route_index].methods[request->method].body;
}

bool routes_open(const Request *request)
{
    static const char *const open[] = {"/", "/assets/*", "/healthz", "other"};

    for (size_t i = 0; i < ELEMENTSOF(open); i++)
        if (strcmp(routes_name(request), open[i]) == 0)
            return true;
    return false;
}

void routes_run(Request *request)
{
    routes[request->route_index].methods[request->method].run(request);
}

const char *routes_path(size_t index)
{
    if (index < ELEMENTSOF(routes))
        return routes[index].path;
    return index == ROUTE_OTHER ? "other" : NULL;
}

const char *routes_name(const Request *request)
{
    return routes_path(request->route_index);
}

/* The web UI; or, where that was left out, a page without scripts, styles or anything to load: it
 * works in every browser and under every policy. */
void route_index(Request *request)
{
    TextBuffer *body = &request->reply.body;

    if (assets_reply(request))
        return;
    text_append(body,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
            "<title>ntc</title></head>\n<body>\n<h1>ntc " NTC_VERSION "</h1>\n"
            "<p>This machine's traffic is being watched. What is served here:</p>\n<ul>\n");
    for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
        if (strcmp(routes[i].path, ROUTE_ASSETS) == 0)
            continue;
        text_appendf(body,
                routes[i].methods[METHOD_GET].run ? "<li><a href=\"%1$s\">%1$s</a>: %2$s</li>\n"
                                                  : "<li>%1$s: %2$s</li>\n",
                routes[i].path, routes[i].about);
    }
    text_append(body, "</ul>\n</body>\n</html>\n");
    request->reply.type = "text/html; charset=utf-8";
    request->reply.status = 200;
}

void route_asset(Request *request)
{
    assets_reply(request); /* routes_find() looked */
}

void route_healthz(Request *request)
{
    static const char body[] = "{\"ok\":true}";

    request->reply.fixed = body;
    request->reply.fixed_size = sizeof(body) - 1;
    request->reply.status = 200;
}

void route_events(Request *request)
{
    int r = 0;

    if (!request->head)
        r = sse_client_new(request->server->stream, request,
                request_header(request, HEADER_LAST_EVENT_ID), &request->sse);
    if (r < 0) {
        reply_error(&request->reply, 503, "unavailable",
                "there are already as many clients as server.sse_clients_max and "
                "server.sse_clients_per_address_max allow");
        request->reply.retry_after_sec = 5;
        return;
    }
    request->reply.type = "text/event-stream";
    request->reply.status = 200;
}
