/* SPDX-License-Identifier: MIT */
/* /alerts. The answer comes from whoever keeps the history, perhaps later: the Wait stands between
 * the request, which may go away first, and the answer, which comes in any case. */

#include "http/alert-json.h"
#include "http/query.h"
#include "http/routes.h"

#include "base/clock.h"

#include <string.h>

#define ALERTS_LIMIT_DEFAULT 100

typedef struct Wait {
    Request *request; /* NULL: gone */
} Wait;

static void out_page(Reply *reply, const AlertPage *page)
{
    JsonOut out = {.text = &reply->body};

    json_open(&out, NULL, '{');
    json_out_uint64(&out, "count", page->count);
    json_out_string(&out, "source", alert_source_name(page->source));
    json_out_bool(&out, "truncated", page->truncated);
    json_open(&out, "alerts", '[');
    for (size_t i = 0; i < page->count; i++)
        alert_json(&out, &page->alerts[i]);
    json_close(&out, ']');
    json_close(&out, '}');
    reply->status = 200;
}

static void on_page(int result, const AlertPage *page, void *userdata)
{
    _cleanup_free_ Wait *wait = userdata;
    Request *request = wait->request;

    if (!request)
        return;
    if (result >= 0)
        out_page(&request->reply, page);
    else
        reply_error(&request->reply, 503, "unavailable", "the alerts could not be read: %s",
                strerror(-result));
    request_answered(request);
}

static void on_request_gone(void *userdata)
{
    ((Wait *)userdata)->request = NULL;
}

/* --- what is asked for */

static bool refuse(Request *request, const char *what)
{
    reply_error(&request->reply, 400, "bad-request", "%s", what);
    return false;
}

static bool read_time(Request *request, const char *name, uint64_t fallback, uint64_t *ret)
{
    const char *text = query_text(request, name);

    *ret = fallback;
    if (!text || time_parse_rfc3339(text, ret) >= 0)
        return true;
    reply_error(&request->reply, 400, "bad-request",
            "%s must be a time like 2026-01-31T12:00:00Z (a + in it is written %%2B)", name);
    return false;
}

static bool read_query(Request *request, AlertQuery *query)
{
    static const char *const known[] = {"since", "until", "kind", "ip", "limit", NULL};
    const char *kind, *ip;
    uint64_t limit;

    if (!query_check(request, known) ||
            !query_uint64(request, "limit", ALERTS_LIMIT_MAX, ALERTS_LIMIT_DEFAULT, &limit) ||
            !read_time(request, "since", 0, &query->since_wall_ns) ||
            !read_time(request, "until", UINT64_MAX, &query->until_wall_ns))
        return false;
    query->limit = (uint32_t)limit;
    kind = query_text(request, "kind");
    query->has_kind = kind != NULL;
    if (kind && alert_kind_from_name(kind, &query->kind) < 0)
        return refuse(request, "kind must be one of port-scan, host-sweep, syn-flood, volume");
    ip = query_text(request, "ip");
    query->has_ip = ip != NULL;
    if (ip && prefix_parse(ip, &query->ip, NULL) < 0)
        return refuse(request, "ip must be an address or a prefix");
    return true;
}

void route_alerts(Request *request)
{
    const HttpContext *context = &request->server->context;
    AlertQuery query = {};
    Wait *wait;
    int r;

    if (!read_query(request, &query))
        return;
    wait = calloc(1, sizeof(*wait));
    if (!wait) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    wait->request = request;
    r = context->find_alerts(&query, on_page, wait, context->userdata);
    if (r < 0) {
        free(wait);
        reply_error(&request->reply, 503, "busy",
                "too many are reading the alerts already; try again in a moment");
        request->reply.retry_after_sec = 1;
    } else if (request->reply.status == 0) /* else it was answered at once, and `wait` is gone */
        request_wait(request, on_request_gone, wait);
}
