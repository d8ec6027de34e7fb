/* SPDX-License-Identifier: MIT */
#include "flow-world.h"

#include <criterion/criterion.h>

const FlowTimeouts timeouts = {.tcp_idle_ns = 120 * SEC,
        .other_idle_ns = 30 * SEC,
        .active_ns = 1800 * SEC,
        .closed_linger_ns = 5 * SEC};

FlowSample sample(uint16_t sport, uint8_t protocol, uint64_t packets, uint64_t seen_ns)
{
    FlowSample s = {.packets = packets,
            .bytes = packets * 100,
            .first_seen_ns = SEC,
            .last_seen_ns = seen_ns,
            .key = {.sport = sport, .dport = 80, .ifindex = 1, .protocol = protocol}};

    return s;
}

void scan(FlowTable *table, const FlowSample *samples, size_t n, uint64_t now_ns)
{
    flow_table_scan_begin(table, now_ns);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(flow_table_add(table, &samples[i], now_ns), 0);
    flow_table_scan_end(table, now_ns);
}
