/* SPDX-License-Identifier: MIT */
/* /status: what the daemon is and does. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/sse.h"

#include "base/clock.h"
#include "stats/losses.h"

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

static void out_counts(
        JsonOut *out, const char *what, const char *const *names, const Count *counts, int n)
{
    char key[32];

    for (int bytes = 0; bytes < 2; bytes++) {
        snprintf(key, sizeof(key), "%s_by_%s", bytes ? "bytes" : "packets", what);
        json_open(out, key, '{');
        for (int i = 0; i < n; i++)
            json_out_uint64(out, names[i], bytes ? counts[i].bytes : counts[i].packets);
        json_close(out, '}');
    }
}

static void out_shares(JsonOut *out, const Counters *counters)
{
    const char *actions[_ACTION_MAX], *protocols[_PROTOCOL_MAX], *directions[_DIRECTION_MAX];
    Count of_action[_ACTION_MAX], of_protocol[_PROTOCOL_MAX], of_direction[_DIRECTION_MAX];

    for (int i = 0; i < _ACTION_MAX; i++) {
        actions[i] = action_name((Action)i);
        of_action[i] = counters_of_action(counters, (Action)i);
    }
    for (int i = 0; i < _PROTOCOL_MAX; i++) {
        protocols[i] = protocol_class_name((ProtocolClass)i);
        of_protocol[i] = counters_of_protocol(counters, (ProtocolClass)i);
    }
    for (int i = 0; i < _DIRECTION_MAX; i++) {
        directions[i] = direction_name((Direction)i);
        of_direction[i] = counters_of_direction(counters, (Direction)i);
    }
    out_counts(out, "action", actions, of_action, _ACTION_MAX);
    out_counts(out, "protocol", protocols, of_protocol, _PROTOCOL_MAX);
    out_counts(out, "direction", directions, of_direction, _DIRECTION_MAX);
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
    out_shares(out, stats_counters(stats));
    json_close(out, '}');
}

static void out_tables(JsonOut *out, const HttpContext *context, uint64_t now_ns)
{
    const FlowTotals *flows = flow_table_totals(context->flows);

    json_open(out, "flows", '{');
    json_out_uint64(out, "active", flows->live);
    json_out_uint64(out, "capacity", flow_table_room(context->flows));
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

static void out_feeds(JsonOut *out, const Control *control)
{
    const FeedSet *set = control_feeds(control);

    json_open(out, "feeds", '[');
    for (size_t i = 0; i < set->n_files; i++) {
        const FeedFile *file = set->files[i];

        json_open(out, NULL, '{');
        json_out_string(out, "list", list_name(file->list));
        json_out_string(out, "name", file->name);
        json_out_uint64(out, "entries", file->n_items);
        json_out_uint64(out, "problems", file->problems);
        json_open(out, "told", '[');
        for (size_t k = 0; k < MIN_OF(file->problems, (size_t)FEED_PROBLEMS_MAX); k++)
            json_out_string(out, NULL, file->told[k]);
        json_close(out, ']');
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void out_losses(JsonOut *out, const HttpContext *context)
{
    LossesElsewhere elsewhere = {
            .journal_entries = context->journal_lost ? context->journal_lost(context->userdata) : 0,
            .storage_failures = control_storage_failures(context->control)};
    Loss losses[LOSSES_MAX];
    size_t n = losses_collect(context->stats, &elsewhere, losses);

    json_open(out, "losses", '{');
    for (size_t i = 0; i < n; i++)
        json_out_uint64(out, losses[i].name, losses[i].value);
    json_close(out, '}');
}

static void out_viewers(JsonOut *out, const HttpServer *server)
{
    const Config *config = server->context.config;

    json_open(out, "events", '{');
    json_out_uint64(out, "clients", event_stream_clients(server->stream));
    json_out_uint64(out, "budget", config->events.budget);
    json_out_uint64(out, "drop_budget", config->events.drop_budget);
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
    json_out_string(&out, "timezone",
            context->config->server.timezone[0] ? context->config->server.timezone : "UTC");
    json_out_moment(&out, "started", context->started_monotonic_ns);
    json_out_uint64(&out, "uptime_sec", (now_ns - context->started_monotonic_ns) / NSEC_PER_SEC);
    out_interfaces(&out, context->stats);
    out_traffic(&out, context->stats, now_ns);
    out_tables(&out, context, now_ns);
    out_feeds(&out, context->control);
    out_losses(&out, context);
    out_viewers(&out, request->server);
    json_out_uint64(&out, "map_memory_bytes",
            context->datapath_memory_bytes ? context->datapath_memory_bytes(context->userdata) : 0);
    json_close(&out, '}');
    request->reply.status = 200;
}
