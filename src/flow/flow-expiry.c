/* SPDX-License-Identifier: MIT */
#include "flow/flow-expiry.h"

#include "base/top.h"

#include <netinet/in.h>

typedef struct Victim {
    const Flow *flow;
    uint64_t last_seen_ns;
    int worth; /* 0 goes first */
} Victim;

typedef struct Walk {
    const FlowTimeouts *timeouts;
    uint64_t now_ns;
    EndingFlow *ending;
    size_t count, max;
    size_t over[_FLOW_FAMILY_MAX];
    Top victims[_FLOW_FAMILY_MAX]; /* the least valuable of the others */
} Walk;

/* A flood is made of flows that never got anywhere: they are the first to go. */
static int worth_of(const Flow *flow)
{
    const FlowSample *s = &flow->sample;

    if (s->key.protocol == IPPROTO_TCP && s->syn_packets == s->packets && s->ack_packets == 0)
        return 0;
    return s->packets <= 1 ? 1 : 2;
}

static int compare(const void *a, const void *b, void *userdata)
{
    const Victim *x = a, *y = b;

    if (x->worth != y->worth)
        return x->worth - y->worth;
    return x->last_seen_ns < y->last_seen_ns ? -1 : x->last_seen_ns > y->last_seen_ns;
}

/* The datapath's clock is coarse: a packet may bear a time a little after `now`. */
static FlowEnd flow_over(const Flow *flow, const FlowTimeouts *timeouts, uint64_t now_ns)
{
    const FlowSample *s = &flow->sample;
    uint64_t quiet_ns = now_ns > s->last_seen_ns ? now_ns - s->last_seen_ns : 0;
    bool tcp = s->key.protocol == IPPROTO_TCP;

    if (tcp && (s->tcp_flags & (TCP_FLAG_FIN | TCP_FLAG_RST)) &&
            quiet_ns >= timeouts->closed_linger_ns)
        return FLOW_END_CLOSED;
    if (quiet_ns >= (tcp ? timeouts->tcp_idle_ns : timeouts->other_idle_ns))
        return FLOW_END_IDLE;
    return FLOW_END_NONE;
}

static bool look_at(const Flow *flow, void *userdata)
{
    Walk *walk = userdata;
    FlowEnd reason = flow_over(flow, walk->timeouts, walk->now_ns);
    FlowFamily family = flow_family(&flow->sample.key);

    if (reason == FLOW_END_NONE) {
        Victim victim = {flow, flow->sample.last_seen_ns, worth_of(flow)};

        top_offer(&walk->victims[family], &victim);
    } else {
        walk->over[family]++;
        walk->ending[walk->count++] = (EndingFlow){flow->sample.key, reason};
    }
    return walk->count < walk->max;
}

/* Without memory none. */
static Top victims_of(size_t wanted)
{
    Victim *items = wanted > 0 ? calloc(wanted, sizeof(*items)) : NULL;

    return (Top){.items = items,
            .item_bytes = sizeof(*items),
            .max = items ? wanted : 0,
            .compare = compare};
}

static void end_early(Walk *walk, Top *victims, size_t n)
{
    const Victim *first = victims->items;

    top_sort(victims);
    for (size_t i = 0; i < MIN_OF(n, victims->count) && walk->count < walk->max; i++)
        walk->ending[walk->count++] = (EndingFlow){first[i].flow->sample.key, FLOW_END_EARLY};
}

size_t collect_ending(const FlowTable *table, const FlowTimeouts *timeouts, uint64_t now_ns,
        const size_t room_wanted[static _FLOW_FAMILY_MAX], EndingFlow *ending, size_t max)
{
    Walk walk = {.timeouts = timeouts, .now_ns = now_ns, .ending = ending, .max = max};

    for (int f = 0; f < _FLOW_FAMILY_MAX; f++)
        walk.victims[f] = victims_of(MIN_OF(room_wanted[f], max));
    if (max > 0)
        flow_table_foreach(table, look_at, &walk);
    for (int f = 0; f < _FLOW_FAMILY_MAX; f++) {
        if (room_wanted[f] > walk.over[f])
            end_early(&walk, &walk.victims[f], room_wanted[f] - walk.over[f]);
        free(walk.victims[f].items);
    }
    return walk.count;
}
