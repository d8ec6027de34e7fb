/* SPDX-License-Identifier: MIT */
#include "flow/flow-rank.h"

#include <string.h>

static uint64_t weight_of(const Flow *flow, FlowRank rank)
{
    switch (rank) {
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

static int compare(const void *a, const void *b, void *userdata)
{
    const Flow *one = *(const Flow *const *)a, *other = *(const Flow *const *)b;
    FlowRank rank = *(const FlowRank *)userdata;
    uint64_t x = weight_of(one, rank), y = weight_of(other, rank);

    if (x != y)
        return x > y ? -1 : 1;
    return memcmp(&one->sample.key, &other->sample.key, sizeof(FlowKey));
}

Top flow_top(const Flow **items, size_t max, FlowRank *rank)
{
    return (Top){.items = items,
            .item_bytes = sizeof(*items),
            .max = max,
            .compare = compare,
            .userdata = rank};
}
