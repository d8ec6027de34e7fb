/* SPDX-License-Identifier: MIT */
/* /flows: the first `limit` flows in the wanted order. The table may hold hundreds of thousands, so
 * they are not sorted: a heap of `limit` flows keeps the best seen so far, the worst of them on
 * top. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include <string.h>

#define FLOWS_LIMIT_DEFAULT 100
#define FLOWS_LIMIT_MAX     1000

typedef enum FlowOrder {
    FLOW_BY_PACKETS,
    FLOW_BY_BYTES,
    FLOW_BY_RATE,
    FLOW_BY_LAST_SEEN,
} FlowOrder;

typedef struct FlowQuery {
    FlowOrder order;
    bool has_src, has_dst, has_ip;
    Prefix src, dst, ip; /* `ip`: either end */
    uint64_t port;       /* of either end; 0: any */
    int protocol;        /* ProtocolClass, -1: any */
    int action;          /* Action, -1: any */

    const Flow **heap;
    size_t n, max;
    uint64_t matched;
} FlowQuery;

static uint64_t rank(const FlowQuery *query, const Flow *flow)
{
    switch (query->order) {
    case FLOW_BY_BYTES:
        return flow->sample.bytes;
    case FLOW_BY_RATE:
        return flow->bytes_per_second;
    case FLOW_BY_LAST_SEEN:
        return flow->sample.last_seen_ns;
    default:
        return flow->sample.packets;
    }
}

/* Does `a` come before `b` in the answer? Ties by key, so that equal tables give equal answers. */
static bool before(const FlowQuery *query, const Flow *a, const Flow *b)
{
    uint64_t x = rank(query, a), y = rank(query, b);

    return x != y ? x > y : memcmp(&a->sample.key, &b->sample.key, sizeof(FlowKey)) < 0;
}

static void sift_down(FlowQuery *query, size_t i, size_t n)
{
    const Flow **heap = query->heap;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < n && before(query, heap[child], heap[child + 1]))
            child++;
        if (child >= n || before(query, heap[child], heap[i]))
            return;
        const Flow *swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

static void sift_up(FlowQuery *query, size_t i)
{
    const Flow **heap = query->heap;

    while (i > 0 && before(query, heap[(i - 1) / 2], heap[i])) {
        const Flow *swap = heap[i];
        heap[i] = heap[(i - 1) / 2];
        heap[(i - 1) / 2] = swap;
        i = (i - 1) / 2;
    }
}

static bool has_end(const FlowQuery *query, const FlowKey *key)
{
    return (!query->has_ip || prefix_contains_address(&query->ip, &key->src) ||
                   prefix_contains_address(&query->ip, &key->dst)) &&
           (query->port == 0 || key->sport == query->port || key->dport == query->port);
}

static bool wanted(const FlowQuery *query, const FlowSample *sample)
{
    const FlowKey *key = &sample->key;

    return (!query->has_src || prefix_contains_address(&query->src, &key->src)) &&
           (!query->has_dst || prefix_contains_address(&query->dst, &key->dst)) &&
           has_end(query, key) &&
           (query->protocol < 0 || (int)protocol_class_of(key->protocol) == query->protocol) &&
           (query->action < 0 || sample->action == query->action);
}

static bool on_flow(const Flow *flow, void *userdata)
{
    FlowQuery *query = userdata;

    if (!wanted(query, &flow->sample))
        return true;
    query->matched++;
    if (query->n < query->max) {
        query->heap[query->n] = flow;
        sift_up(query, query->n++);
    } else if (query->n > 0 && before(query, flow, query->heap[0])) {
        query->heap[0] = flow;
        sift_down(query, 0, query->n);
    }
    return true;
}

/* Best first. */
static void sort_heap(FlowQuery *query)
{
    for (size_t n = query->n; n > 1; n--) {
        const Flow *worst = query->heap[0];

        query->heap[0] = query->heap[n - 1];
        query->heap[n - 1] = worst;
        sift_down(query, 0, n - 1);
    }
}

static void out_flow(JsonOut *out, const Stats *stats, const Flow *flow)
{
    const FlowSample *s = &flow->sample;
    char text[ADDRESS_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX];

    json_open(out, NULL, '{');
    json_out_string(out, "src", address_format(&s->key.src, text));
    json_out_uint64(out, "sport", s->key.sport);
    json_out_string(out, "dst", address_format(&s->key.dst, text));
    json_out_uint64(out, "dport", s->key.dport);
    json_out_string(out, "proto", protocol_class_name(protocol_class_of(s->key.protocol)));
    json_out_uint64(out, "proto_number", s->key.protocol);
    json_out_string(out, "direction", direction_name((Direction)s->key.direction));
    json_out_string(out, "interface", stats_interface_name(stats, s->key.ifindex));
    json_out_string(out, "action", action_name((Action)s->action));
    json_out_uint64(out, "packets", s->packets);
    json_out_uint64(out, "bytes", s->bytes);
    json_out_double(out, "packets_per_second", (double)flow->packets_per_second_milli / 1000);
    json_out_uint64(out, "bytes_per_second", flow->bytes_per_second);
    json_out_string(out, "flags", tcp_flags_format(s->tcp_flags, flags));
    json_out_moment(out, "first_seen", s->first_seen_ns);
    json_out_moment(out, "last_seen", s->last_seen_ns);
    json_close(out, '}');
}

static void out_flows(Request *request, const FlowQuery *query)
{
    const HttpContext *context = &request->server->context;
    JsonOut out = {.text = &request->reply.body};

    json_open(&out, NULL, '{');
    json_out_uint64(&out, "count", flow_table_totals(context->flows)->live);
    json_out_uint64(&out, "capacity", flow_table_capacity(context->flows));
    json_out_uint64(&out, "matched", query->matched);
    json_open(&out, "flows", '[');
    for (size_t i = 0; i < query->n; i++)
        out_flow(&out, context->stats, query->heap[i]);
    json_close(&out, ']');
    json_close(&out, '}');
    request->reply.status = 200;
}

static bool read_prefix(Request *request, const char *name, bool *ret_has, Prefix *ret)
{
    const char *text = query_text(request, name);
    PrefixError error;

    *ret_has = text != NULL;
    if (!text || prefix_parse(text, ret, &error) >= 0)
        return true;
    reply_error(&request->reply, 400, "bad-request", "%s: %s", name, prefix_error_message(error));
    return false;
}

static bool read_words(Request *request, FlowQuery *query)
{
    const char *text;
    ProtocolClass protocol;
    Action action;

    text = query_text(request, "proto");
    if (text && protocol_class_from_name(text, &protocol) < 0)
        reply_error(&request->reply, 400, "bad-request",
                "proto must be one of TCP, UDP, ICMP, ICMPv6, OTHER");
    else
        query->protocol = text ? (int)protocol : -1;
    text = query_text(request, "action");
    if (text && action_from_name(text, &action) < 0)
        reply_error(
                &request->reply, 400, "bad-request", "action must be one of PASS, DROP, SKIP, SSH");
    else
        query->action = text ? (int)action : -1;
    return request->reply.status == 0;
}

static bool read_query(Request *request, FlowQuery *query)
{
    static const char *const known[] = {
            "limit", "sort", "src", "dst", "ip", "port", "proto", "action", NULL};
    /* In the order of FlowOrder. */
    static const char *const orders[] = {"packets", "bytes", "rate", "last_seen", NULL};
    uint64_t limit;
    size_t order;

    if (!query_check(request, known) ||
            !query_uint64(request, "limit", FLOWS_LIMIT_MAX, FLOWS_LIMIT_DEFAULT, &limit) ||
            !query_word(request, "sort", orders, &order) ||
            !read_prefix(request, "src", &query->has_src, &query->src) ||
            !read_prefix(request, "dst", &query->has_dst, &query->dst) ||
            !read_prefix(request, "ip", &query->has_ip, &query->ip) ||
            !query_uint64(request, "port", UINT16_MAX, 0, &query->port) ||
            !read_words(request, query))
        return false;
    query->max = limit;
    query->order = (FlowOrder)order;
    return true;
}

void route_flows(Request *request)
{
    _cleanup_free_ const Flow **heap = calloc(FLOWS_LIMIT_MAX, sizeof(*heap));
    FlowQuery query = {.heap = heap};

    if (!heap) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    if (!read_query(request, &query))
        return;
    flow_table_foreach(request->server->context.flows, on_flow, &query);
    sort_heap(&query);
    out_flows(request, &query);
}

void route_flows_flush(Request *request)
{
    const HttpContext *context = &request->server->context;
    JsonOut out = {.text = &request->reply.body};
    int r;

    if (!query_check(request, (const char *[]){NULL}))
        return;
    r = context->flush_flows ? context->flush_flows(&request->caller, context->userdata)
                             : -EOPNOTSUPP;
    if (r < 0) {
        reply_error(
                &request->reply, 500, "kernel", "the flows could not be flushed: %s", strerror(-r));
        return;
    }
    json_open(&out, NULL, '{');
    json_out_bool(&out, "ok", true);
    json_out_uint64(&out, "flushed", (uint64_t)r);
    json_close(&out, '}');
    request->reply.status = 200;
}
