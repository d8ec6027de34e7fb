/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of src/http/ share about the server. Private to this folder. */

#include "http/reply.h"
#include "http/server.h"

#include <netinet/in.h>

#define LISTENERS_MAX      16
#define HTTP_ROUTES_MAX    32 /* counters; the table is in routes.c, the last index is "other" */
#define HTTP_STATUS_MAX    600
#define HOST_NAME_TEXT_MAX 256

typedef struct Connections Connections;
typedef struct Engine Engine;
typedef struct Listener Listener;
typedef struct Request Request;
typedef struct EventStream EventStream;
typedef struct Access Access;
typedef struct Peers Peers;
typedef struct Queue Queue;
typedef struct Responses Responses;

struct HttpServer {
    sd_event *event; /* own reference */
    HttpContext context;
    Listener *listeners[LISTENERS_MAX];
    size_t n_listeners;
    uint16_t port;
    bool stopping;
    Request *waiting; /* suspended ones, see request.h */
    EventStream *stream;
    Access *access;
    Peers *peers;
    Connections *connections;
    Queue *queue;
    Responses *responses;
    Engine *engine;
    size_t descriptors; /* that may be open */
    uint64_t refused;   /* callers that may not, ever */
    size_t held;        /* see held.h */
    uint64_t held_refused;
    char hostname[HOST_NAME_TEXT_MAX];
    uint64_t requests[HTTP_ROUTES_MAX][HTTP_STATUS_MAX]; /* ntc_http_requests_total */
};
