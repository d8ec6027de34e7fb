/* SPDX-License-Identifier: MIT */
/* /status and /talkers: views of the statistics. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include "base/clock.h"

#include <string.h>

#define TALKERS_LIMIT_DEFAULT 20
#define TALKERS_LIMIT_MAX     1000

static void out_age(JsonOut *out, const char *key, uint64_t then_ns, uint64_t now_ns)
{
    uint64_t wall = clock_wall_ns(), age = now_ns > then_ns ? now_ns - then_ns : 0;
    char text[TIME_TEXT_MAX];

    json_out_string(out, key, time_format_rfc3339(wall > age ? wall - age : 0, text));
}

/* --- /talkers
 * -------------------------------------------------------------------------------------- */

static void out_talker(JsonOut *out, const Talker *talker, uint64_t now_ns)
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
    out_age(out, "last_seen", talker->last_seen_ns, now_ns);
    json_close(out, '}');
}

void route_talkers(Request *request)
{
    /* In the order of TalkerOrder. */
    static const char *const orders[] = {"packets", "bytes", "ports", "syn", "dropped", NULL};
    _Static_assert(ELEMENTSOF(orders) == _TALKER_ORDER_MAX + 1, "a word for every order");
    const Stats *stats = request->server->context.stats;
    _cleanup_free_ Talker *talkers = NULL;
    JsonOut out = {.text = &request->reply.body};
    uint64_t limit, now_ns = clock_monotonic_ns();
    size_t order, n;

    if (!query_check(request, (const char *[]){"limit", "sort", NULL}) ||
            !query_uint64(request, "limit", TALKERS_LIMIT_MAX, TALKERS_LIMIT_DEFAULT, &limit) ||
            !query_word(request, "sort", orders, &order))
        return;
    talkers = calloc(limit + 1, sizeof(*talkers));
    if (!talkers) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    n = limit ? stats_talkers(stats, (TalkerOrder)order, now_ns, talkers, limit) : 0;
    json_open(&out, NULL, '{');
    json_out_uint64(&out, "count", stats_active_addresses(stats, now_ns));
    json_out_uint64(&out, "window_sec", STATS_WINDOW_SEC);
    json_open(&out, "talkers", '[');
    for (size_t i = 0; i < n; i++)
        out_talker(&out, &talkers[i], now_ns);
    json_close(&out, ']');
    json_close(&out, '}');
    request->reply.status = 200;
}

/* --- /status
 * --------------------------------------------------------------------------------------- */

static void out_interfaces(JsonOut *out, const Stats *stats)
{
    Attachments attachments = stats_attachments(stats);

    json_open(out, "interfaces", '[');
    for (size_t i = 0; i < attachments.count; i++) {
        const Attachment *a = &attachments.items[i];

        json_open(out, NULL, '{');
        json_out_string(out, "name", a->interface);
        json_out_uint64(out, "ifindex", a->ifindex);
        json_out_bool(out, "ingress", a->attached[DIRECTION_INGRESS]);
        json_out_bool(out, "egress", a->attached[DIRECTION_EGRESS]);
        json_out_bool(out, "raw_ip", a->raw_ip);
        json_out_string(out, "hook", a->hook);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void out_traffic(JsonOut *out, const Stats *stats, uint64_t now_ns)
{
    Rates rates = stats_rates(stats, now_ns);
    Count total = counters_total(stats_counters(stats));

    json_open(out, "traffic", '{');
    json_out_double(out, "packets_per_second", rates.packets_per_second);
    json_out_double(out, "bytes_per_second", rates.bytes_per_second);
    json_out_uint64(out, "packets", total.packets);
    json_out_uint64(out, "bytes", total.bytes);
    json_open(out, "packets_by_action", '{');
    for (int a = 0; a < _ACTION_MAX; a++)
        json_out_uint64(out, action_name((Action)a),
                counters_of_action(stats_counters(stats), (Action)a).packets);
    json_close(out, '}');
    json_close(out, '}');
}

static void out_tables(JsonOut *out, const HttpContext *context, uint64_t now_ns)
{
    const FlowTotals *flows = flow_table_totals(context->flows);

    json_open(out, "flows", '{');
    json_out_uint64(out, "active", flows->live);
    json_out_uint64(out, "capacity", flow_table_capacity(context->flows));
    json_out_uint64(out, "started", flows->started);
    json_close(out, '}');
    json_open(out, "addresses", '{');
    json_out_uint64(out, "active", stats_active_addresses(context->stats, now_ns));
    json_out_uint64(out, "capacity", stats_addresses_max(context->stats));
    json_close(out, '}');
    json_open(out, "lists", '{');
    for (int i = 0; i < _LIST_MAX; i++) {
        const List *list = control_list(context->control, (ListId)i);

        json_open(out, list_name((ListId)i), '{');
        json_out_uint64(out, "count", list_count(list));
        json_out_uint64(out, "capacity", list_capacity(list));
        json_out_uint64(out, "hits", control_list_hits(context->control, (ListId)i).packets);
        json_close(out, '}');
    }
    json_close(out, '}');
}

static void out_losses(JsonOut *out, const HttpContext *context)
{
    const Counters *c = stats_counters(context->stats);
    uint64_t suppressed = 0;

    for (int a = 0; a < _ACTION_MAX; a++)
        suppressed += c->events_suppressed_packets[a];
    json_open(out, "losses", '{');
    json_out_uint64(out, "events_suppressed", suppressed);
    json_out_uint64(out, "events_lost", c->events_lost_packets);
    json_out_uint64(out, "flows_untracked_packets", c->untracked_packets);
    json_out_uint64(
            out, "addresses_untracked_packets", stats_untracked_address_packets(context->stats));
    json_out_uint64(out, "accounting_drift_packets", stats_drift_packets(context->stats));
    json_out_uint64(out, "unreadable_packets", c->unreadable_packets);
    json_out_uint64(out, "journal_entries",
            context->journal_lost ? context->journal_lost(context->userdata) : 0);
    json_out_uint64(out, "storage_failures", control_storage_failures(context->control));
    json_close(out, '}');
}

void route_status(Request *request)
{
    const HttpContext *context = &request->server->context;
    JsonOut out = {.text = &request->reply.body};
    uint64_t now_ns = clock_monotonic_ns();

    if (!query_check(request, (const char *[]){NULL}))
        return;
    json_open(&out, NULL, '{');
    json_out_bool(&out, "ok", true);
    json_out_string(&out, "version", NTC_VERSION);
    json_out_string(&out, "mode", context->mode);
    json_out_string(&out, "hostname", request->server->hostname);
    out_age(&out, "started", context->started_monotonic_ns, now_ns);
    json_out_uint64(&out, "uptime_sec", (now_ns - context->started_monotonic_ns) / NSEC_PER_SEC);
    out_interfaces(&out, context->stats);
    out_traffic(&out, context->stats, now_ns);
    out_tables(&out, context, now_ns);
    out_losses(&out, context);
    json_out_uint64(&out, "map_memory_bytes",
            context->datapath_memory_bytes ? context->datapath_memory_bytes(context->userdata) : 0);
    json_close(&out, '}');
    request->reply.status = 200;
}
