/* SPDX-License-Identifier: MIT */
/* /flows, /talkers, /status, /history. */

#include "http-world.h"

#include <arpa/inet.h>
#include <string.h>

static void assert_flows(
        World *w, const char *target, size_t n, uint64_t matched, const char *sorted_by)
{
    _cleanup_json_ json_object *object = NULL;
    json_object *flows;
    uint64_t last = UINT64_MAX;

    cr_assert_eq(get(w, target), 200, "%s", w->response);
    object = body_json(w);
    cr_assert_eq(number_in(object, "count"), 200);
    cr_assert_eq(number_in(object, "capacity"), 2 * 1024, "of each family");
    cr_assert_eq(number_in(object, "matched"), matched, "%s", target);
    flows = json_object_object_get(object, "flows");
    cr_assert_eq(json_object_array_length(flows), n, "%s", target);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = number_in(json_object_array_get_idx(flows, i), sorted_by);
        cr_assert_leq(value, last, "%s is not sorted", target);
        last = value;
    }
}

Test(http_flows, flows_are_filtered_and_the_first_in_order_shown)
{
    World *w = world_new();

    add_flows(w);
    assert_flows(w, "/flows", 100, 200, "packets");
    assert_flows(w, "/flows?limit=1000", 200, 200, "packets");
    assert_flows(w, "/flows?limit=7&sort=bytes", 7, 200, "bytes");
    assert_flows(w, "/flows?limit=0", 0, 200, "bytes");
    assert_flows(w, "/flows?src=10.0.1.0/24&limit=500", 100, 100, "packets");
    assert_flows(w, "/flows?src=10.0.1.7", 1, 1, "packets");
    assert_flows(w, "/flows?dst=192.0.2.2", 0, 0, "packets");
    assert_flows(w, "/flows?proto=udp&limit=500", 40, 40, "packets");
    assert_flows(w, "/flows?proto=UDP&action=drop", 20, 20, "packets");
    assert_flows(w, "/flows?ip=10.0.1.7", 1, 1, "packets");
    assert_flows(w, "/flows?ip=192.0.2.0/24&limit=1000", 200, 200, "packets");
    assert_flows(w, "/flows?ip=192.0.2.2", 0, 0, "packets");
    assert_flows(w, "/flows?port=17", 1, 1, "packets");
    assert_flows(w, "/flows?ip=10.0.1.7&port=8", 0, 0, "packets");
    assert_flows(w, "/flows?limit=7&sort=rate", 7, 200, "bytes_per_second");
    get(w, "/flows?limit=1&sort=last_seen");
    cr_assert(says(w, "10.0.0.200"), "the one made last: %s", w->response);
    get(w, "/flows?limit=1&src=10.0.1.7");
    cr_assert(says(w, "\"interface\":\"mock\\\"0\""));
    cr_assert(says(w, "\"flags\":\"SA\""));
    cr_assert(says(w, "\"direction\":\"INGRESS\""));
    world_free(w);
}

Test(http_flows, talkers_and_status)
{
    World *w = world_new();

    add_flows(w);
    cr_assert_eq(get(w, "/talkers?limit=1"), 200);
    cr_assert(says(w, "\"ip\":\"192.0.2.1\""), "%s", w->response);
    cr_assert_eq(get(w, "/talkers?limit=3&sort=syn"), 200);
    cr_assert_eq(get(w, "/talkers?ip=10.0.1.7"), 200);
    cr_assert(says(w, "\"talkers\":[{\"ip\":\"10.0.1.7\""), "%s", w->response);
    cr_assert_eq(get(w, "/talkers?ip=10.9.9.9"), 200);
    cr_assert(says(w, "\"talkers\":[]"));
    set_counters(w);
    cr_assert_eq(get(w, "/status"), 200);
    cr_assert(says(w, "\"mode\":\"mock\""));
    cr_assert(says(w, "\"version\":\"" NTC_VERSION "\""));
    cr_assert(says(w, "\"active\":200"));
    cr_assert(says(w, "\"journal_entries\":3"));
    cr_assert(says(w, "\"timezone\":\"UTC\""));
    cr_assert(says(w, "\"packets_by_direction\":{\"INGRESS\":12,\"EGRESS\":0}"));
    cr_assert(says(w, "\"bytes_by_protocol\":{\"TCP\":3400,"));
    cr_assert(says(w, "\"events\":{\"clients\":0,\"budget\":2000,\"drop_budget\":500}"));
    world_free(w);
}

Test(http_flows, the_history_comes_in_columns)
{
    World *w = world_new();
    Counters counters = {};
    uint64_t now_ns = clock_monotonic_ns();

    for (uint64_t t = 2; t <= 4; t++) {
        counters.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_DROP].packets += 10;
        stats_set_counters(w->stats, &counters, 0, now_ns + t * NSEC_PER_SEC);
    }
    cr_assert_eq(get(w, "/history?limit=2"), 200);
    cr_assert(says(w, "\"packets_per_second\":[10.000,10.000]"), "%s", w->response);
    cr_assert(says(w, "\"bytes_per_second\":[0.000,0.000]"));
    cr_assert(says(w, "\"dropped_packets_per_second\":[10.000,10.000]"));
    cr_assert_eq(get(w, "/history?limit=0"), 200);
    cr_assert(says(w, "{\"time\":[],"));
    world_free(w);
}

Test(http_flows, flows_can_be_flushed_with_and_without_a_body)
{
    World *w = world_new();

    cr_assert_eq(request(w, "POST", "/flows/flush", "", NULL), 200, "%s", w->response);
    cr_assert(says(w, "{\"ok\":true,\"flushed\":7}"));
    cr_assert_eq(post(w, "/flows/flush", "{}"), 200);
    cr_assert_eq(w->flushes, 2);
    request(w, "POST", "/flows/flush", "Content-Type: text/plain\r\n", "{}");
    assert_error(w, 415, "unsupported-media-type");
    cr_assert_eq(w->flushes, 2);
    world_free(w);
}
