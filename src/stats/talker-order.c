/* SPDX-License-Identifier: MIT */
#include "stats/talker-order.h"

static uint64_t weight_of(const Talker *talker, TalkerOrder order)
{
    switch (order) {
    case TALKER_BY_BYTES:
        return talker->bytes;
    case TALKER_BY_PORTS:
        return talker->unique_dst_ports;
    case TALKER_BY_SYN:
        return talker->syn_count;
    case TALKER_BY_DROPPED:
        return talker->dropped_packets;
    default:
        return talker->packets;
    }
}

/* Addresses differ, so this is never 0 for two. */
static int compare(const void *a, const void *b, void *userdata)
{
    const Talker *one = a, *other = b;
    TalkerOrder order = *(const TalkerOrder *)userdata;
    uint64_t x = weight_of(one, order), y = weight_of(other, order);

    if (x != y)
        return x > y ? -1 : 1;
    return address_compare(&one->address, &other->address);
}

Top talker_top(Talker *items, size_t max, TalkerOrder *order)
{
    return (Top){.items = items,
            .item_bytes = sizeof(*items),
            .max = max,
            .compare = compare,
            .userdata = order};
}
