/* SPDX-License-Identifier: MIT */
#include "http/guard.h"

#include "http/access.h"
#include "http/host.h"
#include "http/routes.h"

#include <string.h>
#include <strings.h>

static bool refuse(Request *request, unsigned status, const char *code, const char *message)
{
    reply_error(&request->reply, status, code, "%s", message);
    return false;
}

/* Of these one would be believed and the other not, and nobody could tell which. */
static const char *given_twice(const Headers *headers)
{
    static const Header once[] = {HEADER_CONTENT_LENGTH, HEADER_TRANSFER_ENCODING,
            HEADER_CONTENT_TYPE, HEADER_AUTHORIZATION, HEADER_ORIGIN, HEADER_SEC_FETCH_SITE,
            HEADER_LAST_EVENT_ID};

    for (size_t i = 0; i < ELEMENTSOF(once); i++)
        if (headers->values[once[i]].n > 1)
            return header_name(once[i]);
    return NULL;
}

/* libmicrohttpd takes the first of two and goes on; a proxy in front might take the other one. */
static bool check_framing(Request *request)
{
    const char *coding = request_header(request, HEADER_TRANSFER_ENCODING);
    const char *twice = given_twice(&request->headers);

    if (!request->origin_form)
        return refuse(request, 400, "bad-request", "the request target must begin with a slash");
    if (request->headers.values[HEADER_HOST].n != 1)
        return refuse(request, 400, "bad-request", "there must be exactly one Host header");
    if (twice) {
        reply_error(&request->reply, 400, "bad-request", "there is more than one %s header", twice);
        return false;
    }
    if (coding && request_header(request, HEADER_CONTENT_LENGTH))
        return refuse(request, 400, "bad-request",
                "Content-Length and Transfer-Encoding exclude each other");
    if (coding && strcasecmp(coding, "chunked") != 0)
        return refuse(
                request, 400, "bad-request", "the only transfer encoding known here is chunked");
    return true;
}

static bool check_host(Request *request)
{
    const char *host = request_header(request, HEADER_HOST);
    const HttpServer *server = request->server;

    /* No web page knows the token; who has it may call this machine what he likes. */
    if (request->token_valid)
        return true;
    switch (host_check(host, server->hostname, &server->context.config->server.allowed_hosts)) {
    case HOST_ALLOWED:
        return true;
    case HOST_MALFORMED:
        return refuse(request, 400, "bad-request", "the Host header is malformed");
    default:
        reply_error(&request->reply, 421, "misdirected",
                "this server does not answer to the name '%.100s'; if it should, add it to server.allowed_hosts",
                host);
        return false;
    }
}

/* Browsers send these with every cross-site write, and scripts can't forge them. A proxy may have
 * put its own idea into Host: with the token, the browser's word for "the same site" is enough. */
static bool check_origin(Request *request)
{
    const char *site = request_header(request, HEADER_SEC_FETCH_SITE);
    const char *origin = request_header(request, HEADER_ORIGIN);

    if (site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
        return refuse(request, 403, "forbidden", "another web site may not change anything here");
    if (site && request->token_valid)
        return true;
    if (origin && !host_is_origin(request_header(request, HEADER_HOST), origin))
        return refuse(request, 403, "forbidden", "another web site may not change anything here");
    return true;
}

static bool has_body(const Request *request)
{
    const char *length = request_header(request, HEADER_CONTENT_LENGTH);

    return request_header(request, HEADER_TRANSFER_ENCODING) ||
           (length && strcmp(length, "0") != 0);
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";

    if (!type || strncasecmp(type, json, strlen(json)) != 0)
        return false;
    type += strlen(json);
    return *type == '\0' || *type == ';' || *type == ' ' || *type == '\t';
}

static bool check_body(Request *request)
{
    uint64_t max = request->server->context.config->server.body_max_bytes, length;
    const char *text = request_header(request, HEADER_CONTENT_LENGTH);
    RouteBody wants = routes_body(request);

    if (wants == ROUTE_BODY_NONE && has_body(request))
        return refuse(request, 400, "bad-request", "this request takes no body");
    if ((wants == ROUTE_BODY_REQUIRED || (wants == ROUTE_BODY_OPTIONAL && has_body(request))) &&
            !is_json(request_header(request, HEADER_CONTENT_TYPE)))
        return refuse(
                request, 415, "unsupported-media-type", "Content-Type must be application/json");
    if (text && (parse_uint64(text, 0, UINT64_MAX, &length) < 0 || length > max)) {
        reply_error(&request->reply, 413, "too-large", "the body is longer than %llu bytes",
                (unsigned long long)max);
        return false;
    }
    return true;
}

static bool check_access(Request *request)
{
    if (request->method == METHOD_GET)
        return access_may_read(request);
    return check_origin(request) && access_may_write(request);
}

/* Who sends a message that can be read in two ways, or by a name that isn't ours, is not listened
 * to any further. */
static bool check_message(Request *request)
{
    request->reply.close =
            !check_framing(request) || (access_check_token(request) && !check_host(request));
    return request->reply.status == 0;
}

bool guard_check(Request *request)
{
    return check_message(request) && routes_check(request) && check_access(request) &&
           check_body(request);
}
