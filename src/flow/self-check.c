/* SPDX-License-Identifier: MIT */
#include "flow/self-check.h"

#define IN_FLIGHT_MAX 64U /* packets, one a CPU */

void self_check_adopt(SelfCheck *check)
{
    check->base_slack = UINT64_MAX;
    check->in_flight_left = IN_FLIGHT_MAX;
}

static uint64_t explained(const FlowTable *table)
{
    const FlowTotals *totals = flow_table_totals(table);

    return totals->ended_packets + totals->live_packets;
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Narrows what is known of the base: the true sum lies in [low, high] and in [c1, c2]. */
static void narrow_base(
        SelfCheck *check, FlowTable *table, uint64_t low, uint64_t high, uint64_t c1, uint64_t c2)
{
    uint64_t new_low = MAX_OF(low, c1), new_high = MIN_OF(high, c2);

    check->base += new_low - low;
    check->base_slack = new_high - new_low;
    flow_table_set_ended_base(table, check->base);
}

static void lower_base(SelfCheck *check, FlowTable *table, uint64_t excess)
{
    check->base -= excess;
    check->in_flight_left -= excess;
    flow_table_set_ended_base(table, check->base);
}

uint64_t self_check(
        SelfCheck *check, FlowTable *table, const Counters *before, const Counters *after)
{
    uint64_t c1 = counters_tracked_packets(before), c2 = counters_tracked_packets(after);
    uint64_t low = explained(table), high = add_saturating(low, check->base_slack);

    if (high < c1)
        return c1 - high;
    if (low > c2 && low - c2 <= MIN_OF(check->in_flight_left, check->base))
        lower_base(check, table, low - c2);
    else if (low > c2)
        return low - c2;
    else if (check->base_slack > 0)
        narrow_base(check, table, low, high, c1, c2);
    return 0;
}
