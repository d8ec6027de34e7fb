/* SPDX-License-Identifier: MIT */
/* /metrics, and the text that JSON and metrics are made of. */

#include "http-world.h"

#include "http/json-out.h"
#include "http/metric-text.h"

#include <string.h>

/* --- metrics */

Test(http_metrics, metrics_have_the_promised_names_and_labels)
{
    static const char *const lines[] = {
            "ntc_packets_total{proto=\"TCP\",direction=\"INGRESS\",action=\"DROP\"} 12",
            "ntc_packets_total{proto=\"NONIP\",direction=\"EGRESS\",action=\"PASS\"} 0",
            "ntc_bytes_total{proto=\"TCP\"} 3400", "ntc_active_flows 200",
            "ntc_flows{family=\"IPV4\"} 200", "ntc_flows{family=\"IPV6\"} 0", "ntc_active_ips 201",
            "ntc_events_suppressed_total 8", "ntc_events_lost_total 7",
            "ntc_flows_untracked_packets_total 5", "ntc_accounting_drift_packets 2",
            "ntc_parse_errors_total{kind=\"addresses\"} 6",
            "ntc_flows_capacity{family=\"IPV6\"} 1024", "ntc_list_entries{list=\"blacklist\"} 0",
            "ntc_list_capacity{list=\"whitelist\"} 1024",
            "ntc_list_hits_total{list=\"blacklist\"} 0",
            "ntc_attached{interface=\"mock\\\"0\",direction=\"INGRESS\"} 1",
            "ntc_attached{interface=\"mock\\\"0\",direction=\"EGRESS\"} 0", "ntc_sse_clients 0",
            "ntc_sse_disconnected_total{reason=\"slow\"} 0",
            "ntc_http_requests_total{path=\"/status\",code=\"200\"} 1",
            "ntc_http_requests_total{path=\"other\",code=\"404\"} 1", "ntc_journal_lost_total 3",
            "ntc_alerts_total{kind=\"port-scan\"} 0", "ntc_alerts_total{kind=\"volume\"} 0",
            "ntc_alerts_suppressed_total 0", "ntc_detect_lost_total 0", "ntc_map_memory_bytes 4096",
            "ntc_build_info{version=\"" NTC_VERSION "\",mode=\"mock\"} 1",
            "# TYPE ntc_packets_total counter", "# TYPE ntc_ip_syn_count gauge",
            ("# HELP ntc_feed_problems Lines of a feed's file that could not be taken, or 1 if the "
             "file could not be read.")};
    static const char *const starts[] = {"\nntc_packets_per_second ", "\nntc_bytes_per_second ",
            "\nntc_ip_packets_per_second{ip=\"192.0.2.1\"} ",
            "\nntc_ip_unique_dst_ports{ip=\"10.0.", "\nntc_ip_syn_count{ip=\"10.0.",
            "\nprocess_cpu_seconds_total ", "\nprocess_resident_memory_bytes ",
            "\nprocess_virtual_memory_bytes ", "\nprocess_open_fds ", "\nprocess_max_fds ",
            "\nprocess_start_time_seconds "};
    World *w = world_new();

    add_flows(w);
    set_counters(w);
    get(w, "/status");
    get(w, "/secret-path");
    cr_assert_eq(get(w, "/metrics?x=1"), 200);
    cr_assert(says(w, "Content-Type: text/plain; version=0.0.4"));
    for (size_t i = 0; i < ELEMENTSOF(lines); i++)
        cr_assert(has_line(w, lines[i]), "%s in %s", lines[i], w->response);
    for (size_t i = 0; i < ELEMENTSOF(starts); i++)
        cr_assert(strstr(w->response, starts[i]), "%s in %s", starts[i], w->response);
    cr_assert_not(says(w, "secret-path"));
    world_free(w);
}

Test(http_metrics, metrics_in_openmetrics)
{
    World *w = world_new();

    set_counters(w);
    cr_assert_eq(request(w, "GET", "/metrics",
                         "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n",
                         NULL),
            200);
    cr_assert(says(w, "Content-Type: application/openmetrics-text; version=1.0.0"));
    cr_assert(has_line(w, "# TYPE ntc_packets counter"));
    cr_assert(says(w, "\nntc_packets_total{"));
    cr_assert_str_eq(w->response + strlen(w->response) - 6, "# EOF\n");
    world_free(w);
}

Test(http_metrics, label_values_are_escaped)
{
    TextBuffer text = {};
    MetricText out = {.text = &text};

    metric_counter(&out, "x_total", "Help.");
    metric_uint64(&out, METRIC_LABELS({"a", "q\"b\\n\nl"}, {"b", ""}), 1);
    cr_assert_str_eq(text.data,
            "# HELP x_total Help.\n# TYPE x_total counter\nx_total{a=\"q\\\"b\\\\n\\nl\",b=\"\"} 1\n");
    text_clear(&text);
    metric_uint64(&out, METRIC_LABELS({"a", "\xc3\xa9\x01"}, {"b", "\xc3\xa9\xff\n"}), 1);
    cr_assert_str_eq(text.data, "x_total{a=\"\xc3\xa9\x01\",b=\"\\\\xc3\\\\xa9\\\\xff\\n\"} 1\n");
    text_done(&text);
}

static double seconds_for(size_t samples)
{
    struct timespec begin, end;
    TextBuffer text = {};
    MetricText out = {.text = &text};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    metric_counter(&out, "x_total", "Help.");
    for (size_t i = 0; i < samples; i++)
        metric_uint64(&out, METRIC_LABELS({"interface", "\"eth0\""}, {"direction", "INGRESS"}), i);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    cr_assert_not(text.failed);
    text_done(&text);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
}

/* Sixteen times as many samples take about sixteen times as long; quadratic work would take 256. */
Test(http_metrics, a_page_costs_what_its_length_costs)
{
    double few = 1e9, many = 1e9;

    for (int i = 0; i < 5; i++) {
        few = MIN_OF(few, seconds_for(20000));
        many = MIN_OF(many, seconds_for(16 * 20000));
    }
    cr_assert_lt(many, 64 * few, "%f s for 16 times what took %f s", many, few);
}

Test(http_metrics, json_is_escaped)
{
    TextBuffer text = {};
    JsonOut out = {.text = &text};

    json_open(&out, NULL, '{');
    json_out_string(&out, "a", "q\"\\\n\x7f\xc3\xa9");
    json_out_string(&out, "b", "\xff");
    json_out_string(&out, "c", NULL);
    json_open(&out, "d", '[');
    json_out_uint64(&out, NULL, UINT64_MAX);
    json_out_double(&out, NULL, 0.5);
    json_close(&out, ']');
    json_close(&out, '}');
    cr_assert_str_eq(text.data,
            "{\"a\":\"q\\\"\\\\\\u000a\\u007f\xc3\xa9\",\"b\":\"?\",\"c\":null,\"d\":"
            "[18446744073709551615,0.500]}");
    text_done(&text);
}
