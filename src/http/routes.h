/* SPDX-License-Identifier: MIT */
#pragma once

/* The one table of what is served: path, method, what body is taken, who answers. */

#include "http/request.h"

#define ROUTE_OTHER (HTTP_ROUTES_MAX - 1)

typedef enum RouteBody {
    ROUTE_BODY_NONE,
    ROUTE_BODY_OPTIONAL,
    ROUTE_BODY_REQUIRED,
    _ROUTE_BODY_MAX,
} RouteBody;

/* Sets request->route_index from the path. */
void routes_find(Request *request);
/* Path and method exist? False: request->reply is 404 or 405. */
bool routes_check(Request *request);
RouteBody routes_body(const Request *request);
/* Tells nothing about this machine's traffic, so that it is readable without the token even if
 * server.read_token is set: the page that asks for the token must be. */
bool routes_open(const Request *request);
void routes_run(Request *request);

/* The route's path, never what was asked for; "other" for unknown ones. NULL behind the last. */
const char *routes_path(size_t index);
const char *routes_name(const Request *request);
/* Which list a path that begins with /blacklist or /whitelist is about. */
ListId route_list_of(const Request *request);

/* --- who answers (handlers fill request->reply or wait) */

void route_index(Request *request);
void route_asset(Request *request);
void route_events(Request *request);
void route_metrics(Request *request);
void route_alerts(Request *request);
void route_list_get(Request *request);
void route_list_post(Request *request);
void route_list_delete(Request *request);
void route_list_confirm(Request *request);
void route_flows(Request *request);
void route_flows_flush(Request *request);
void route_talkers(Request *request);
void route_history(Request *request);
void route_status(Request *request);
void route_healthz(Request *request);
