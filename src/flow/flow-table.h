/* SPDX-License-Identifier: MIT */
#pragma once

/* User space's picture of the datapath's flows: what each had when it was read last, and when it
 * ends.
 *
 * Role: owns one record a live flow. In: samples of a scan. Out: deltas (to statistics), the list
 * of flows to end, and the totals that the self-check needs. It never touches the datapath: the
 * scanner (flow/scanner.h) feeds it and carries out what it decides. `capacity` is how many flows
 * of IPv4 should be held, and how many others.
 *
 * A scan is bracketed by begin and end. A flow that a scan did not meet has vanished (someone else
 * deleted it): it is dropped and counted in `vanished_packets`, because the self-check must notice.
 */

#include "flow/flow.h"

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct FlowTable FlowTable;

typedef struct FlowTimeouts {
    uint64_t tcp_idle_ns;
    uint64_t other_idle_ns;
    uint64_t active_ns;        /* after this a long flow is reported and goes on */
    uint64_t closed_linger_ns; /* after FIN or RST */
} FlowTimeouts;

typedef enum FlowEnd {
    FLOW_END_NONE,
    FLOW_END_IDLE,
    FLOW_END_CLOSED,
    FLOW_END_EARLY, /* evicted to make room */
    FLOW_END_FLUSH,
    _FLOW_END_MAX,
} FlowEnd;

typedef struct EndingFlow {
    FlowKey key;
    FlowEnd reason;
} EndingFlow;

/* One live flow, as shown to users. */
typedef struct Flow {
    FlowSample sample;                 /* as read last */
    uint64_t packets_per_second_milli; /* over the last scan interval, in thousandths */
    uint64_t bytes_per_second;
} Flow;

typedef struct FlowTotals {
    uint64_t live; /* flows in the table, and of each family */
    uint64_t live_of[_FLOW_FAMILY_MAX];
    uint64_t live_packets;  /* sum over live flows, as read last */
    uint64_t ended_packets; /* sum over all ended flows */
    uint64_t started;       /* flows ever seen */
    uint64_t ended[_FLOW_END_MAX];
    uint64_t reported_active;  /* reports made by the active timeout */
    uint64_t vanished_packets; /* of flows that disappeared without us */
    uint64_t refused;          /* samples for which there was no memory */
} FlowTotals;

typedef void (*FlowDeltaFn)(const FlowDelta *delta, uint64_t now_ns, void *userdata);

int flow_table_new(size_t capacity, const FlowTimeouts *timeouts, FlowDeltaFn on_delta,
        void *userdata, FlowTable **ret);
FlowTable *flow_table_free(FlowTable *table);
DEFINE_CLEANUP(FlowTable *, flow_table_free);

void flow_table_set_timeouts(FlowTable *table, const FlowTimeouts *timeouts);

void flow_table_scan_begin(FlowTable *table, uint64_t now_ns);
/* Takes one sample of the running scan; emits a delta if anything was added. A flow whose totals
 * went *down* was deleted and re-created behind our back: it counts as vanished and new. -ENOMEM:
 * counted. */
int flow_table_add(FlowTable *table, const FlowSample *sample, uint64_t now_ns);
void flow_table_scan_end(FlowTable *table, uint64_t now_ns);

/* Collects the flows that are over by now: idle or closed. Returns how many, `max` at most. If
 * `room_wanted` of a family is greater than that, more of it are chosen in this order: TCP flows
 * with nothing but SYNs, one-packet flows, then the longest idle; those are FLOW_END_EARLY. */
size_t flow_table_collect_ended(const FlowTable *table, uint64_t now_ns,
        const size_t room_wanted[static _FLOW_FAMILY_MAX], EndingFlow *ending, size_t max);
/* The flow was deleted in the datapath, `last` being its final totals: emits the last delta,
 * forgets it. */
void flow_table_end(FlowTable *table, const FlowSample *last, FlowEnd reason, uint64_t now_ns);
/* The flow turned out not to exist any more: forgets it, counts it as vanished. */
void flow_table_vanish(FlowTable *table, const FlowKey *key);

/* Valid until the table changes. */
const Flow *flow_table_get(const FlowTable *table, const FlowKey *key);
typedef bool (*FlowVisitFn)(const Flow *flow, void *userdata); /* false stops */
void flow_table_foreach(const FlowTable *table, FlowVisitFn visit, void *userdata);
const FlowTotals *flow_table_totals(const FlowTable *table);
size_t flow_table_capacity(const FlowTable *table); /* of each family */
size_t flow_table_room(const FlowTable *table);     /* of all together */
/* After a restart that adopted the datapath's maps: what the kernel counted and no live flow
 * explains ended before our time. */
void flow_table_set_ended_base(FlowTable *table, uint64_t packets);
/* While quiet, flows seen for the first time emit no delta: after a restart that adopted the
 * datapath's maps the first scan meets totals of hours, which are not the traffic of this minute.
 */
void flow_table_set_quiet(FlowTable *table, bool quiet);
