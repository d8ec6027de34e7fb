/* SPDX-License-Identifier: MIT */
/* /history: the rates that a chart begins with. In columns, since the names would be most of it. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include "base/clock.h"

static void out_times(JsonOut *out, const RatePoint *points, size_t n)
{
    uint64_t now = clock_monotonic_ns(), wall = clock_wall_ns();

    json_open(out, "time", '[');
    for (size_t i = 0; i < n; i++) {
        uint64_t age = now > points[i].time_ns ? now - points[i].time_ns : 0;

        json_out_double(out, NULL, (double)(wall > age ? wall - age : 0) / (double)NSEC_PER_SEC);
    }
    json_close(out, ']');
}

static void out_column(JsonOut *out, const char *key, const RatePoint *points, size_t n, size_t at)
{
    json_open(out, key, '[');
    for (size_t i = 0; i < n; i++)
        json_out_double(out, NULL, *(const double *)((const char *)&points[i] + at));
    json_close(out, ']');
}

void route_history(Request *request)
{
    const Stats *stats = request->server->context.stats;
    _cleanup_free_ RatePoint *points = NULL;
    JsonOut out = {.text = &request->reply.body};
    uint64_t limit;
    size_t n;

    if (!query_check(request, (const char *[]){"limit", NULL}) ||
            !query_uint64(request, "limit", STATS_HISTORY_MAX, STATS_HISTORY_MAX, &limit))
        return;
    points = calloc(limit + 1, sizeof(*points));
    if (!points) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    n = stats_history(stats, points, limit);
    json_open(&out, NULL, '{');
    out_times(&out, points, n);
    out_column(&out, "packets_per_second", points, n, offsetof(RatePoint, packets_per_second));
    out_column(&out, "bytes_per_second", points, n, offsetof(RatePoint, bytes_per_second));
    out_column(&out, "dropped_packets_per_second", points, n,
            offsetof(RatePoint, dropped_packets_per_second));
    json_close(&out, '}');
    request->reply.status = 200;
}
