/* SPDX-License-Identifier: MIT */
#pragma once

/* One HTTP request from its first byte to its last: the three callbacks that libmicrohttpd wants,
 * the body, and the waiting for an answer that comes later.
 *
 * A complete request waits for its turn (queue.h). Its route's handler then fills `reply`, or
 * leaves its status 0 and calls request_wait(): the connection is then suspended until
 * request_answered(). The request may go away before that (shutdown); `abandon` is called then, and
 * the promised answer must no longer touch the request. */

#include "http/connections.h"
#include "http/headers.h"
#include "http/server-state.h"

#include <microhttpd.h>

typedef struct Route Route;
typedef struct SseClient SseClient;

typedef enum Method {
    METHOD_GET, /* and HEAD */
    METHOD_POST,
    METHOD_DELETE,
    METHOD_OTHER,
    _METHOD_MAX,
} Method;

struct Request {
    HttpServer *server;
    Connection *from;
    struct MHD_Connection *connection;
    char *path; /* as it stood in the request line, without the query; not decoded */
    bool begun; /* the headers were looked at */
    bool origin_form;
    Method method;
    bool head; /* HEAD: a GET without a body */
    size_t route_index;
    TextBuffer body;
    size_t body_received; /* also what was thrown away */
    Headers headers;
    Caller caller;
    bool token_valid;
    Reply reply;
    size_t held;    /* of its answer, see held.h */
    SseClient *sse; /* its answer is a stream without end */

    bool queued; /* see queue.h */
    unsigned queue_class;
    bool suspended;
    void (*abandon)(void *userdata);
    void *userdata;
    Request *next, *prev; /* HttpServer.waiting */
};

/* MHD's callbacks; `cls` is the HttpServer. */
void *request_new(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *url,
        const char *method, const char *version, const char *data, size_t *size, void **state);
void request_completed(void *cls, struct MHD_Connection *connection, void **state,
        enum MHD_RequestTerminationCode code);

/* Its turn has come: has the route answer it, or wait again. */
void request_run(Request *request);
void request_wait(Request *request, void (*abandon)(void *userdata), void *userdata);
void request_answered(Request *request);
/* Shutdown: everything that waits is told to stop waiting. */
void requests_abandon(HttpServer *server);

const char *request_header(const Request *request, Header header); /* the first; NULL */
