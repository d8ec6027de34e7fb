/* SPDX-License-Identifier: MIT */
/* GET /metrics. Families and samples always come in the same order. Names and labels are a contract
 * with dashboards and alerts; docs/metrics.md explains each. */

#include "http/metrics-http.h"
#include "http/process.h"
#include "http/routes.h"

#include "base/clock.h"

#include <string.h>

static void out_packets(MetricText *out, const Counters *counters)
{
    metric_counter(out, "ntc_packets_total", "Packets seen, by protocol, direction and fate.");
    for (int p = 0; p < _PROTOCOL_MAX; p++)
        for (int d = 0; d < _DIRECTION_MAX; d++)
            for (int a = 0; a < _ACTION_MAX; a++) {
                if (p == PROTOCOL_NONIP && a != ACTION_PASS) /* never judged */
                    continue;
                metric_uint64(out,
                        METRIC_LABELS({"proto", protocol_class_name((ProtocolClass)p)},
                                {"direction", direction_name((Direction)d)},
                                {"action", action_name((Action)a)}),
                        counters->by[p][d][a].packets);
            }
    metric_counter(out, "ntc_bytes_total", "Frame bytes seen, by protocol.");
    for (int p = 0; p < _PROTOCOL_MAX; p++)
        metric_uint64(out, METRIC_LABELS({"proto", protocol_class_name((ProtocolClass)p)}),
                counters_of_protocol(counters, (ProtocolClass)p).bytes);
}

static void out_by_family(MetricText *out, const char *name, const char *help,
        const uint64_t values[static _FLOW_FAMILY_MAX])
{
    static const char *const families[_FLOW_FAMILY_MAX] = {
            [FLOW_IPV4] = "IPV4",
            [FLOW_IPV6] = "IPV6",
    };

    metric_gauge(out, name, help);
    for (int i = 0; i < _FLOW_FAMILY_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"family", families[i]}), values[i]);
}

static void out_traffic(MetricText *out, const HttpContext *context, uint64_t now_ns)
{
    Rates rates = stats_rates(context->stats, now_ns);

    metric_gauge(out, "ntc_packets_per_second", "Packets a second over the last minute.");
    metric_double(out, NULL, rates.packets_per_second);
    metric_gauge(out, "ntc_bytes_per_second", "Frame bytes a second over the last minute.");
    metric_double(out, NULL, rates.bytes_per_second);
    metric_gauge_value(out, "ntc_active_ips", "Addresses seen in the last minute.",
            stats_active_addresses(context->stats, now_ns));
    metric_gauge_value(out, "ntc_active_flows", "Flows that have not ended.",
            flow_table_totals(context->flows)->live);
    out_by_family(out, "ntc_flows",
            "Flows that have not ended, by family: each has room of its own.",
            flow_table_totals(context->flows)->live_of);
    out_packets(out, stats_counters(context->stats));
}

/* --- the busiest addresses */

typedef struct AddressMetric {
    const char *name;
    const char *help;
    TalkerOrder order;
} AddressMetric;

static void out_address(MetricText *out, TalkerOrder order, const Talker *talker)
{
    char ip[ADDRESS_TEXT_MAX];
    const MetricLabel *labels = METRIC_LABELS({"ip", address_format(&talker->address, ip)});

    if (order == TALKER_BY_PORTS)
        metric_uint64(out, labels, talker->unique_dst_ports);
    else if (order == TALKER_BY_SYN)
        metric_uint64(out, labels, talker->syn_count);
    else
        metric_double(out, labels, talker->packets_per_second);
}

/* Each family has the top of its own order: a port scan is seldom among the busiest. */
static void out_addresses(MetricText *out, const HttpContext *context, uint64_t now_ns)
{
    static const AddressMetric metrics[] = {
            {"ntc_ip_packets_per_second",
                    "Packets a second of the busiest addresses over the last minute.",
                    TALKER_BY_PACKETS},
            {"ntc_ip_unique_dst_ports",
                    "Distinct destination ports in the last minute of the addresses with the most.",
                    TALKER_BY_PORTS},
            {"ntc_ip_syn_count",
                    "TCP packets with SYN sent in the last minute by the addresses with the most.",
                    TALKER_BY_SYN}};
    size_t max = context->config->stats.top;
    _cleanup_free_ Talker *talkers = calloc(ELEMENTSOF(metrics) * max + 1, sizeof(*talkers));
    TalkerTop tops[ELEMENTSOF(metrics)];

    if (!talkers) {
        out->text->failed = true;
        return;
    }
    for (size_t i = 0; i < ELEMENTSOF(metrics); i++)
        tops[i] = (TalkerTop){.order = metrics[i].order, .talkers = talkers + i * max, .max = max};
    stats_tops(context->stats, now_ns, tops, ELEMENTSOF(metrics));
    for (size_t i = 0; i < ELEMENTSOF(metrics); i++) {
        metric_gauge(out, metrics[i].name, metrics[i].help);
        for (size_t k = 0; k < tops[i].count; k++)
            out_address(out, tops[i].order, &tops[i].talkers[k]);
    }
}

/* --- losses and limits */

static void out_events(MetricText *out, const Counters *c)
{
    metric_counter_value(out, "ntc_events_shown_total", "Packets handed to the live view.",
            c->events_shown_packets);
    metric_counter_value(out, "ntc_events_suppressed_total",
            "Packets not shown in the live view because its budget was used up.",
            counters_suppressed_events(c));
    metric_counter_value(out, "ntc_events_lost_total",
            "Packets not shown in the live view because the ring buffer was full.",
            c->events_lost_packets);
}

static void out_parse_errors(MetricText *out, const Counters *c)
{
    metric_counter(out, "ntc_parse_errors_total",
            "IP packets whose addresses (passed unjudged) or transport header (judged by the lists) were unreadable.");
    metric_uint64(out, METRIC_LABELS({"kind", "addresses"}), c->unreadable_packets);
    metric_uint64(out, METRIC_LABELS({"kind", "transport"}), c->transport_unreadable_packets);
    metric_counter_value(out, "ntc_fragments_unmatched_packets_total",
            "Later fragments whose first fragment was not seen.", c->fragments_unmatched_packets);
}

static void out_ended_flows(MetricText *out, const FlowTotals *flows)
{
    static const struct {
        FlowEnd end;
        const char *name;
    } reasons[] = {{FLOW_END_IDLE, "idle"}, {FLOW_END_CLOSED, "closed"}, {FLOW_END_EARLY, "early"},
            {FLOW_END_FLUSH, "flush"}};

    metric_counter(out, "ntc_flows_ended_total", "Flows that ended, by reason.");
    for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
        metric_uint64(
                out, METRIC_LABELS({"reason", reasons[i].name}), flows->ended[reasons[i].end]);
}

static void out_flows(MetricText *out, const HttpContext *context)
{
    const FlowTotals *flows = flow_table_totals(context->flows);
    uint64_t capacity = flow_table_capacity(context->flows);

    out_by_family(out, "ntc_flows_capacity", "Flows that are kept at a time (flows.capacity).",
            (uint64_t[]){[FLOW_IPV4] = capacity, [FLOW_IPV6] = capacity});
    metric_counter_value(out, "ntc_flows_started_total", "Flows ever seen.", flows->started);
    out_ended_flows(out, flows);
    metric_counter_value(out, "ntc_flows_untracked_packets_total",
            "Packets judged and counted, but in no flow because the table was full.",
            stats_counters(context->stats)->untracked_packets);
    metric_counter_value(out, "ntc_flows_vanished_packets_total",
            "Packets of flows that somebody else deleted.", flows->vanished_packets);
    metric_counter_value(
            out, "ntc_flows_refused_total", "Flows not shown for want of memory.", flows->refused);
    metric_gauge_value(out, "ntc_accounting_drift_packets",
            "Packets counted by the kernel but accounted to no flow, or the reverse; 0 is right.",
            stats_drift_packets(context->stats));
    metric_gauge_value(out, "ntc_addresses_capacity",
            "Addresses that can have statistics of their own.",
            stats_addresses_max(context->stats));
    metric_counter_value(out, "ntc_addresses_untracked_packets_total",
            "Packets of addresses for which there was no room.",
            stats_untracked_address_packets(context->stats));
}

static void out_feeds(MetricText *out, const FeedSet *set)
{
    metric_gauge(out, "ntc_feed_entries", "Entries that a feed's file names.");
    for (size_t i = 0; i < set->n_files; i++)
        metric_uint64(out,
                METRIC_LABELS(
                        {"list", list_name(set->files[i]->list)}, {"feed", set->files[i]->name}),
                set->files[i]->n_items);
    metric_gauge(out, "ntc_feed_problems",
            "Lines of a feed's file that could not be taken, or 1 if the file could not be read.");
    for (size_t i = 0; i < set->n_files; i++)
        metric_uint64(out,
                METRIC_LABELS(
                        {"list", list_name(set->files[i]->list)}, {"feed", set->files[i]->name}),
                set->files[i]->problems);
}

static void out_lists(MetricText *out, const Control *control)
{
    metric_gauge(out, "ntc_list_entries", "Entries on a list.");
    for (int i = 0; i < _LIST_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"list", list_name((ListId)i)}),
                list_count(control_list(control, (ListId)i)));
    metric_gauge(out, "ntc_list_capacity", "Entries that a list can hold.");
    for (int i = 0; i < _LIST_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"list", list_name((ListId)i)}),
                list_capacity(control_list(control, (ListId)i)));
    metric_counter(out, "ntc_list_hits_total", "Packets whose fate an entry of the list decided.");
    for (int i = 0; i < _LIST_MAX; i++)
        metric_uint64(out, METRIC_LABELS({"list", list_name((ListId)i)}),
                control_list_hits(control, (ListId)i).packets);
    metric_gauge_value(out, "ntc_list_edits_pending",
            "Changes of the lists that wait for the disk.", control_edits_pending(control));
    metric_counter_value(out, "ntc_storage_failures_total",
            "Writes of the state file that failed; their changes were undone.",
            control_storage_failures(control));
}

/* --- alerts */

static void out_alerts(MetricText *out, const HttpContext *context)
{
    metric_counter(out, "ntc_alerts_total", "Scans and floods that were noticed, by kind.");
    for (int kind = 0; kind < _ALERT_KIND_MAX; kind++)
        metric_uint64(out, METRIC_LABELS({"kind", alert_kind_name((AlertKind)kind)}),
                alert_log_total(context->alerts, (AlertKind)kind));
    metric_counter_value(out, "ntc_alerts_suppressed_total",
            "Alerts not told because there were too many within a minute.",
            detect_suppressed(context->detect));
    metric_counter_value(out, "ntc_detect_lost_total",
            "Sources and targets no longer watched because the tables were full.",
            detect_lost(context->detect));
}

/* --- the daemon */

static void out_attached(MetricText *out, const Stats *stats)
{
    Attachments attachments = stats_attachments(stats);

    metric_gauge(
            out, "ntc_attached", "Whether the datapath is attached to an interface's direction.");
    for (size_t i = 0; i < attachments.count; i++)
        for (int d = 0; d < _DIRECTION_MAX; d++)
            metric_uint64(out,
                    METRIC_LABELS({"interface", attachments.items[i].interface},
                            {"direction", direction_name((Direction)d)}),
                    attachments.items[i].attached[d]);
}

static void out_scan(MetricText *out, const Stats *stats)
{
    ScanTime time = stats_scan_time(stats);

    metric_gauge(out, "ntc_scan_seconds",
            "How long the loop was busy with the last scan of the flows, all its steps together.");
    metric_double(out, NULL, (double)time.all_steps_ns / (double)NSEC_PER_SEC);
    metric_gauge(out, "ntc_scan_longest_step_seconds",
            "Its longest step: how long everything else waited at most.");
    metric_double(out, NULL, (double)time.longest_step_ns / (double)NSEC_PER_SEC);
}

static void out_daemon(MetricText *out, const HttpServer *server)
{
    const HttpContext *context = &server->context;

    out_attached(out, context->stats);
    metrics_http(out, server);
    out_scan(out, context->stats);
    metric_counter_value(out, "ntc_journal_lost_total",
            "Journal entries that did not fit into the queue.",
            context->journal_lost ? context->journal_lost(context->userdata) : 0);
    metric_counter_value(out, "ntc_bus_signals_lost_total",
            "D-Bus signals that the bus did not take up.",
            context->bus_signals_lost ? context->bus_signals_lost(context->userdata) : 0);
    metric_gauge_value(out, "ntc_map_memory_bytes", "Memory of the kernel's maps.",
            context->datapath_memory_bytes ? context->datapath_memory_bytes(context->userdata) : 0);
    metric_gauge(out, "ntc_build_info", "Always 1; the labels tell what runs.");
    metric_uint64(out, METRIC_LABELS({"version", NTC_VERSION}, {"mode", context->mode}), 1);
}

/* A scraper that knows OpenMetrics says so with a version. */
static bool wants_openmetrics(const Request *request)
{
    const char *accept = request_header(request, HEADER_ACCEPT);

    return accept && strstr(accept, "application/openmetrics-text");
}

void route_metrics(Request *request)
{
    const HttpServer *server = request->server;
    uint64_t now_ns = clock_monotonic_ns();
    MetricText out = {.text = &request->reply.body, .openmetrics = wants_openmetrics(request)};

    out_traffic(&out, &server->context, now_ns);
    out_addresses(&out, &server->context, now_ns);
    out_events(&out, stats_counters(server->context.stats));
    out_parse_errors(&out, stats_counters(server->context.stats));
    out_flows(&out, &server->context);
    out_lists(&out, server->context.control);
    out_feeds(&out, control_feeds(server->context.control));
    out_alerts(&out, &server->context);
    out_daemon(&out, server);
    metrics_process(&out);
    if (out.openmetrics)
        text_append(out.text, "# EOF\n");
    request->reply.type = out.openmetrics
                                  ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                  : "text/plain; version=0.0.4; charset=utf-8";
    request->reply.status = 200;
}
