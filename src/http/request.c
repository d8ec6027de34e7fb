/* SPDX-License-Identifier: MIT */
/* libmicrohttpd calls request_handle() once with the headers, then for each piece of the body, then
 * once at its end, and once more after each resumption. It takes an answer only at the first and
 * the last of these times, and after an answer at the first it closes the connection with the body
 * still unread, which resets it: the client may never see why it was refused. So a body that is not
 * wanted is read to a bounded end all the same, and only then refused. */

#include "http/request.h"

#include "http/engine.h"
#include "http/guard.h"
#include "http/held.h"
#include "http/queue.h"
#include "http/response.h"
#include "http/routes.h"
#include "http/sse.h"

#include <string.h>
#include <sys/socket.h>

/* How much of a body that was refused is read and thrown away before the connection is cut. */
#define BODY_DISCARD_FACTOR 16

const char *request_header(const Request *request, Header header)
{
    return request->headers.values[header].text;
}

static Method method_from_name(const char *name)
{
    if (strcmp(name, "GET") == 0 || strcmp(name, "HEAD") == 0)
        return METHOD_GET;
    if (strcmp(name, "POST") == 0)
        return METHOD_POST;
    if (strcmp(name, "DELETE") == 0)
        return METHOD_DELETE;
    return METHOD_OTHER;
}

void *request_new(void *cls, const char *uri, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    Request *request = calloc(1, sizeof(*request));

    if (!request || !info || !info->socket_context) {
        free(request);
        return NULL;
    }
    request->server = cls;
    request->from = info->socket_context;
    request->connection = connection;
    request->origin_form = uri[0] == '/';
    request->path = strndup(uri, strcspn(uri, "?"));
    request->route_index = ROUTE_OTHER;
    request->caller = request->from->caller;
    return request;
}

static void unlink_waiting(Request *request)
{
    if (request->prev)
        request->prev->next = request->next;
    else
        request->server->waiting = request->next;
    if (request->next)
        request->next->prev = request->prev;
    request->next = request->prev = NULL;
    request->suspended = false;
}

void request_wait(Request *request, void (*abandon)(void *userdata), void *userdata)
{
    request->abandon = abandon;
    request->userdata = userdata;
    if (request->suspended) /* it waited for its turn */
        return;
    request->suspended = true;
    request->next = request->server->waiting;
    if (request->next)
        request->next->prev = request;
    request->server->waiting = request;
    MHD_suspend_connection(request->connection);
}

void request_answered(Request *request)
{
    request->abandon = NULL;
    if (!request->suspended)
        return;
    unlink_waiting(request);
    MHD_resume_connection(request->connection);
    engine_kick(request->server->engine);
}

static void abandon(Request *request)
{
    if (request->abandon)
        request->abandon(request->userdata);
    request->abandon = NULL;
}

void requests_abandon(HttpServer *server)
{
    while (server->waiting) {
        Request *request = server->waiting;

        abandon(request);
        reply_error(&request->reply, 503, "unavailable", "ntc is shutting down");
        request_answered(request);
    }
}

static Request *request_free(Request *request)
{
    if (!request)
        return NULL;
    abandon(request);
    if (request->suspended)
        unlink_waiting(request);
    held_release(request);
    sse_client_free(request->sse);
    text_done(&request->body);
    reply_done(&request->reply);
    free(request->path);
    free(request);
    return NULL;
}

void request_completed(void *cls, struct MHD_Connection *connection, void **state,
        enum MHD_RequestTerminationCode code)
{
    Request *request = *state;

    if (request)
        connection_enter(request->from, CONNECTION_RECEIVING);
    *state = request_free(request);
}

static enum MHD_Result send_reply(Request *request)
{
    HttpServer *server = request->server;
    Reply *reply = &request->reply;
    struct MHD_Response *stream = NULL;

    held_take(request);
    if (!reply->type && reply->body.data)
        text_append(&reply->body, "\n"); /* JSON, which people read on terminals */
    if (reply->body.failed)
        reply_error(reply, 503, "unavailable", "out of memory");
    if (request->sse)
        stream = sse_client_response(request->sse);
    if (reply->body.failed || (request->sse && !stream))
        return MHD_NO;
    connection_enter(request->from, request->sse ? CONNECTION_STREAMING : CONNECTION_SENDING);
    server->requests[request->route_index][MIN_OF(reply->status, HTTP_STATUS_MAX - 1U)]++;
    return responses_queue(server->responses, request->connection, reply, stream);
}

/* Where the body ends is not certain, or its sender waits to be asked for it (RFC 9110, 10.1.1). */
static bool answer_before_body(const Request *request)
{
    return request->reply.close || request_header(request, HEADER_EXPECT);
}

/* libmicrohttpd's own limit is that of its pool, which is more. */
static bool check_head_size(Request *request)
{
    const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t max = request->server->context.config->server.header_max_bytes;

    if (!info || info->header_size <= max)
        return true;
    reply_error(
            &request->reply, 431, "too-large", "the request's head is longer than %zu bytes", max);
    request->reply.close = true;
    return false;
}

static enum MHD_Result begin(Request *request, const char *method)
{
    request->begun = true;
    request->method = method_from_name(method);
    request->head = strcmp(method, "HEAD") == 0;
    headers_read(&request->headers, request->connection);
    routes_find(request);
    if ((check_head_size(request) && guard_check(request)) || !answer_before_body(request))
        return MHD_YES;
    return send_reply(request);
}

static enum MHD_Result take_body(Request *request, const char *data, size_t size)
{
    size_t max = request->server->context.config->server.body_max_bytes;

    request->body_received += size;
    if (request->body_received > max * BODY_DISCARD_FACTOR)
        return MHD_NO;
    if (request->body_received <= max && !request->reply.status)
        text_append_bytes(&request->body, data, size);
    return MHD_YES;
}

static enum MHD_Result finish(Request *request)
{
    const Config *config = request->server->context.config;

    connection_enter(request->from, CONNECTION_WORKING);
    if (request->reply.status)
        ; /* refused, or answered while it waited */
    else if (request->server->stopping)
        reply_error(&request->reply, 503, "unavailable", "ntc is shutting down");
    else if (request->body_received > config->server.body_max_bytes)
        reply_error(&request->reply, 413, "too-large", "the body is longer than %u bytes",
                config->server.body_max_bytes);
    else if (request->body.failed)
        reply_error(&request->reply, 503, "unavailable", "out of memory");
    else
        queue_add(request->server->queue, request);
    return request->suspended ? MHD_YES : send_reply(request);
}

void request_run(Request *request)
{
    request->abandon = NULL;
    routes_run(request);
    if (request->reply.status)
        request_answered(request);
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *url,
        const char *method, const char *version, const char *data, size_t *size, void **state)
{
    Request *request = *state;
    size_t n = *size;

    if (!request || !request->path)
        return MHD_NO;
    if (!request->begun)
        return begin(request, method);
    if (n > 0) {
        *size = 0;
        return take_body(request, data, n);
    }
    return finish(request);
}
