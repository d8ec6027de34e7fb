/* SPDX-License-Identifier: MIT */
/* /talkers: addresses over the last minute. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include "base/clock.h"

#define TALKERS_LIMIT_DEFAULT 20
#define TALKERS_LIMIT_MAX     1000

static void out_talker(JsonOut *out, const Talker *talker)
{
    char ip[ADDRESS_TEXT_MAX];

    json_open(out, NULL, '{');
    json_out_string(out, "ip", address_format(&talker->address, ip));
    json_out_double(out, "packets_per_second", talker->packets_per_second);
    json_out_double(out, "bytes_per_second", talker->bytes_per_second);
    json_out_uint64(out, "packets", talker->packets);
    json_out_uint64(out, "bytes", talker->bytes);
    json_out_uint64(out, "dropped_packets", talker->dropped_packets);
    json_out_uint64(out, "unique_dst_ports", talker->unique_dst_ports);
    json_out_uint64(out, "syn_count", talker->syn_count);
    json_out_uint64(out, "ack_count", talker->ack_count);
    json_out_moment(out, "last_seen", talker->last_seen_ns);
    json_close(out, '}');
}

/* False: request->reply is the error. `ret_has`: only this one is wanted. */
static bool read_address(Request *request, bool *ret_has, Address *ret)
{
    const char *text = query_text(request, "ip");

    *ret_has = text != NULL;
    if (!text || address_parse(text, ret) >= 0)
        return true;
    reply_error(&request->reply, 400, "bad-request", "ip is not an IP address");
    return false;
}

static void out_talkers(Request *request, const Talker *talkers, size_t n, uint64_t now_ns)
{
    JsonOut out = {.text = &request->reply.body};

    json_open(&out, NULL, '{');
    json_out_uint64(&out, "count", stats_active_addresses(request->server->context.stats, now_ns));
    json_out_uint64(&out, "window_sec", STATS_WINDOW_SEC);
    json_open(&out, "talkers", '[');
    for (size_t i = 0; i < n; i++)
        out_talker(&out, &talkers[i]);
    json_close(&out, ']');
    json_close(&out, '}');
    request->reply.status = 200;
}

void route_talkers(Request *request)
{
    /* In the order of TalkerOrder. */
    static const char *const orders[] = {"packets", "bytes", "ports", "syn", "dropped", NULL};
    _Static_assert(ELEMENTSOF(orders) == _TALKER_ORDER_MAX + 1, "a word for every order");
    const Stats *stats = request->server->context.stats;
    _cleanup_free_ Talker *talkers = NULL;
    uint64_t limit, now_ns = clock_monotonic_ns();
    size_t order, n;
    bool has_address;
    Address address;

    if (!query_check(request, (const char *[]){"limit", "sort", "ip", NULL}) ||
            !query_uint64(request, "limit", TALKERS_LIMIT_MAX, TALKERS_LIMIT_DEFAULT, &limit) ||
            !query_word(request, "sort", orders, &order) ||
            !read_address(request, &has_address, &address))
        return;
    talkers = calloc(limit + 1, sizeof(*talkers));
    if (!talkers) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    if (has_address)
        n = stats_talker(stats, &address, now_ns, talkers);
    else
        n = limit ? stats_talkers(stats, (TalkerOrder)order, now_ns, talkers, limit) : 0;
    out_talkers(request, talkers, n, now_ns);
}
