/* SPDX-License-Identifier: MIT */
#include "http/response.h"

#include <errno.h>

#define KEPT_MAX 64

typedef struct Kept {
    const void *fixed;
    struct MHD_Response *response;
} Kept;

struct Responses {
    Kept kept[KEPT_MAX];
    size_t n_kept;
};

int responses_new(Responses **ret)
{
    Responses *responses = calloc(1, sizeof(*responses));

    if (!responses)
        return -ENOMEM;
    *ret = responses;
    return 0;
}

Responses *responses_free(Responses *responses)
{
    if (!responses)
        return NULL;
    while (responses->n_kept > 0)
        MHD_destroy_response(responses->kept[--responses->n_kept].response);
    free(responses);
    return NULL;
}

/* Every answer has these. No CORS header, ever: that keeps other sites' scripts from reading
 * anything. */
static void add_headers(struct MHD_Response *response, const Reply *reply)
{
    static const char *const common[][2] = {
            {"Content-Security-Policy",
                    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
            {"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "DENY"},
            {"Referrer-Policy", "no-referrer"}, {"Cross-Origin-Resource-Policy", "same-origin"}};
    char number[24];

    for (size_t i = 0; i < ELEMENTSOF(common); i++)
        MHD_add_response_header(response, common[i][0], common[i][1]);
    MHD_add_response_header(
            response, "Content-Type", reply->type ? reply->type : "application/json");
    MHD_add_response_header(
            response, "Cache-Control", reply->cache_control ? reply->cache_control : "no-store");
    if (reply->etag) {
        MHD_add_response_header(response, "ETag", reply->etag);
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    }
    if (reply->encoding)
        MHD_add_response_header(response, "Content-Encoding", reply->encoding);
    if (reply->allow)
        MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->authenticate)
        MHD_add_response_header(response, "WWW-Authenticate", reply->authenticate);
    if (reply->close)
        MHD_add_response_header(response, "Connection", "close");
    if (reply->retry_after_sec) {
        snprintf(number, sizeof(number), "%u", reply->retry_after_sec);
        MHD_add_response_header(response, "Retry-After", number);
    }
}

static struct MHD_Response *make_body(Reply *reply)
{
    TextBuffer *body = &reply->body;
    struct MHD_Response *response;

    if (reply->fixed)
        return MHD_create_response_from_buffer(
                reply->fixed_size, (void *)reply->fixed, MHD_RESPMEM_PERSISTENT);
    if (!body->data)
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    if (response)
        *body = (TextBuffer){};
    return response;
}

static struct MHD_Response *make(Reply *reply, struct MHD_Response *stream)
{
    struct MHD_Response *response = stream ? stream : make_body(reply);

    if (response)
        add_headers(response, reply);
    return response;
}

/* NULL: it can't be kept. */
static struct MHD_Response *keep(Responses *responses, Reply *reply)
{
    struct MHD_Response *response;

    for (size_t i = 0; i < responses->n_kept; i++)
        if (responses->kept[i].fixed == reply->fixed)
            return responses->kept[i].response;
    if (responses->n_kept == KEPT_MAX)
        return NULL;
    response = make(reply, NULL);
    if (response)
        responses->kept[responses->n_kept++] = (Kept){reply->fixed, response};
    return response;
}

enum MHD_Result responses_queue(Responses *responses, struct MHD_Connection *connection,
        Reply *reply, struct MHD_Response *stream)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result;

    if (reply->fixed && !reply->close)
        response = keep(responses, reply);
    if (response)
        return MHD_queue_response(connection, reply->status, response);
    response = make(reply, stream);
    if (!response)
        return MHD_NO;
    result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}
