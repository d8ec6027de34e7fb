/* SPDX-License-Identifier: MIT */
/* /flows: the first `limit` flows in the wanted order. */

#include "flow/flow-rank.h"
#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include <string.h>

#define FLOWS_LIMIT_DEFAULT 100
#define FLOWS_LIMIT_MAX     1000

typedef struct FlowQuery {
    FlowRank rank;
    bool has_src, has_dst, has_ip;
    Prefix src, dst, ip; /* `ip`: either end */
    uint64_t port;       /* of either end; 0: any */
    int protocol;        /* ProtocolClass, -1: any */
    int action;          /* Action, -1: any */

    uint64_t limit;

    Top top;
    uint64_t matched;
} FlowQuery;

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
    top_offer(&query->top, &flow);
    return true;
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

static void out_flows(Request *request, const FlowQuery *query, const Flow **flows)
{
    const HttpContext *context = &request->server->context;
    JsonOut out = {.text = &request->reply.body};

    json_open(&out, NULL, '{');
    json_out_uint64(&out, "count", flow_table_totals(context->flows)->live);
    json_out_uint64(&out, "capacity", flow_table_room(context->flows));
    json_out_uint64(&out, "matched", query->matched);
    json_open(&out, "flows", '[');
    for (size_t i = 0; i < query->top.count; i++)
        out_flow(&out, context->stats, flows[i]);
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
    /* In the order of FlowRank. */
    static const char *const orders[] = {"packets", "bytes", "rate", "last_seen", NULL};
    size_t rank;

    if (!query_check(request, known) ||
            !query_uint64(request, "limit", FLOWS_LIMIT_MAX, FLOWS_LIMIT_DEFAULT, &query->limit) ||
            !query_word(request, "sort", orders, &rank) ||
            !read_prefix(request, "src", &query->has_src, &query->src) ||
            !read_prefix(request, "dst", &query->has_dst, &query->dst) ||
            !read_prefix(request, "ip", &query->has_ip, &query->ip) ||
            !query_uint64(request, "port", UINT16_MAX, 0, &query->port) ||
            !read_words(request, query))
        return false;
    query->rank = (FlowRank)rank;
    return true;
}

void route_flows(Request *request)
{
    _cleanup_free_ const Flow **flows = calloc(FLOWS_LIMIT_MAX, sizeof(*flows));
    FlowQuery query = {};

    if (!flows) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    if (!read_query(request, &query))
        return;
    query.top = flow_top(flows, query.limit, &query.rank);
    flow_table_foreach(request->server->context.flows, on_flow, &query);
    top_sort(&query.top);
    out_flows(request, &query, flows);
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
