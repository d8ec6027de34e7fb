/* SPDX-License-Identifier: MIT */
/* The invariant that everything here keeps: totals.live_packets is the sum of what the records
 * hold, and every packet a sample ever reported is in live_packets, ended_packets or
 * vanished_packets. So the three can be held against the datapath's counters at any time. */

#include "flow/flow-table.h"

#include "flow/flow-expiry.h"
#include "flow/flow-pool.h"

#include "base/clock.h"

#define DATAPATH_MAPS 2 /* IPv4, and the rest; each takes one more, see bpf.c */

struct FlowTable {
    FlowRecord *flows; /* uthash, by key */
    FlowPool pool;
    size_t capacity;
    FlowTimeouts timeouts;
    FlowTotals totals;
    FlowDeltaFn on_delta;
    void *userdata;
    uint64_t ended_base;
    uint64_t scan_ns;      /* when the running or last scan began */
    uint64_t last_scan_ns; /* the one before; 0 = none */
    uint32_t scan;
    bool quiet;
};

int flow_table_new(size_t capacity, const FlowTimeouts *timeouts, FlowDeltaFn on_delta,
        void *userdata, FlowTable **ret)
{
    FlowTable *table;

    if (capacity == 0)
        return -EINVAL;
    table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    table->capacity = capacity;
    table->pool.capacity = DATAPATH_MAPS * (capacity + 1);
    table->timeouts = *timeouts;
    table->on_delta = on_delta;
    table->userdata = userdata;
    *ret = table;
    return 0;
}

FlowTable *flow_table_free(FlowTable *table)
{
    if (!table)
        return NULL;
    HASH_CLEAR(hh, table->flows);
    flow_pool_done(&table->pool);
    free(table);
    return NULL;
}

void flow_table_set_timeouts(FlowTable *table, const FlowTimeouts *timeouts)
{
    table->timeouts = *timeouts;
}

void flow_table_set_quiet(FlowTable *table, bool quiet)
{
    table->quiet = quiet;
}

void flow_table_set_ended_base(FlowTable *table, uint64_t packets)
{
    table->totals.ended_packets += packets - table->ended_base;
    table->ended_base = packets;
}

static FlowRecord *find(const FlowTable *table, const FlowKey *key)
{
    FlowRecord *record;

    HASH_FIND(hh, table->flows, key, sizeof(*key), record);
    return record;
}

static void forget(FlowTable *table, FlowRecord *record)
{
    table->totals.live--;
    table->totals.live_packets -= record->flow.sample.packets;
    HASH_DEL(table->flows, record);
    flow_pool_put(&table->pool, record);
}

static void vanish(FlowTable *table, FlowRecord *record)
{
    table->totals.vanished_packets += record->flow.sample.packets;
    forget(table, record);
}

/* These two aren't read in one instant with the packets, and the datapath may hold them in 32 bits:
 * a step back is no loss of packets, and never becomes a huge number. */
static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void emit(
        const FlowTable *table, const FlowSample *now, const FlowSample *before, uint64_t now_ns)
{
    FlowDelta delta = {
            .key = &now->key,
            .packets = now->packets - before->packets,
            .bytes = now->bytes - before->bytes,
            .syn_packets = grown(now->syn_packets, before->syn_packets),
            .ack_packets = grown(now->ack_packets, before->ack_packets),
            .tcp_flags = now->tcp_flags,
            .action = (Action)now->action,
    };

    if (delta.packets > 0 && table->on_delta)
        table->on_delta(&delta, now_ns, table->userdata);
}

/* The datapath never lets totals shrink, nor changes when a flow began: if so, it is another flow
 * with the same key. */
static bool is_another(const FlowSample *now, const FlowSample *before)
{
    return now->packets < before->packets || now->bytes < before->bytes ||
           now->first_seen_ns != before->first_seen_ns;
}

/* Over the interval between two scans. A flow met for the first time is spread over a second at
 * least, or one packet that came in just now would look like thousands a second. */
static void set_rates(const FlowTable *table, Flow *flow, const FlowSample *now,
        const FlowSample *before, uint64_t now_ns)
{
    uint64_t interval_ns = NSEC_PER_SEC;
    double per_second;

    if (table->last_scan_ns > 0 && table->scan_ns > table->last_scan_ns)
        interval_ns = table->scan_ns - table->last_scan_ns;
    else if (now_ns > now->first_seen_ns)
        interval_ns = MAX_OF(interval_ns, (uint64_t)(now_ns - now->first_seen_ns));
    per_second = (double)NSEC_PER_SEC / (double)interval_ns;
    flow->packets_per_second_milli =
            (uint64_t)((double)(now->packets - before->packets) * 1000.0 * per_second);
    flow->bytes_per_second = (uint64_t)((double)(now->bytes - before->bytes) * per_second);
}

static FlowRecord *insert(FlowTable *table, const FlowSample *sample)
{
    FlowRecord *record = flow_pool_get(&table->pool);

    if (!record)
        return NULL;
    record->flow.sample.key = sample->key;
    record->active_since_ns = sample->first_seen_ns;
    HASH_ADD(hh, table->flows, flow.sample.key, sizeof(FlowKey), record);
    if (!hash_added(record)) {
        flow_pool_put(&table->pool, record);
        return NULL;
    }
    table->totals.live++;
    table->totals.started++;
    return record;
}

void flow_table_scan_begin(FlowTable *table, uint64_t now_ns)
{
    table->scan++;
    table->last_scan_ns = table->scan_ns;
    table->scan_ns = now_ns;
}

int flow_table_add(FlowTable *table, const FlowSample *sample, uint64_t now_ns)
{
    FlowRecord *record = find(table, &sample->key);
    FlowSample before = {};
    bool fresh;

    if (record && is_another(sample, &record->flow.sample)) {
        vanish(table, record);
        record = NULL;
    }
    fresh = !record;
    if (fresh)
        record = insert(table, sample);
    if (!record) {
        table->totals.refused++;
        return -ENOMEM;
    }
    if (!fresh)
        before = record->flow.sample;
    record->scan = table->scan;
    record->flow.sample = *sample;
    table->totals.live_packets += sample->packets - before.packets;
    if (fresh && table->quiet)
        return 0;
    set_rates(table, &record->flow, sample, &before, now_ns);
    emit(table, sample, &before, now_ns);
    return 0;
}

void flow_table_scan_end(FlowTable *table, uint64_t now_ns)
{
    FlowRecord *record, *next;

    HASH_ITER(hh, table->flows, record, next) {
        if (record->scan != table->scan) {
            vanish(table, record);
        } else if (now_ns > record->active_since_ns &&
                   now_ns - record->active_since_ns >= table->timeouts.active_ns) {
            record->active_since_ns = now_ns;
            table->totals.reported_active++;
        }
    }
}

static size_t collect_early(
        FlowTable *table, uint64_t now_ns, size_t wanted, FlowKey *keys, FlowEnd *reasons)
{
    Victims victims;

    if (wanted == 0 || victims_init(&victims, wanted) < 0)
        return 0;
    for (FlowRecord *r = table->flows; r; r = r->hh.next)
        if (flow_over(&r->flow, &table->timeouts, now_ns) == FLOW_END_NONE)
            victims_offer(&victims, &r->flow);
    victims_sort(&victims);
    wanted = victims.count;
    for (size_t i = 0; i < wanted; i++) {
        keys[i] = victims.heap[i].flow->sample.key;
        reasons[i] = FLOW_END_EARLY;
    }
    victims_done(&victims);
    return wanted;
}

size_t flow_table_collect_ended(FlowTable *table, uint64_t now_ns, size_t room_wanted,
        FlowKey *keys, FlowEnd *reasons, size_t max)
{
    size_t n = 0, wanted = MIN_OF(room_wanted, max);

    for (FlowRecord *r = table->flows; r && n < max; r = r->hh.next) {
        FlowEnd reason = flow_over(&r->flow, &table->timeouts, now_ns);

        if (reason == FLOW_END_NONE)
            continue;
        keys[n] = r->flow.sample.key;
        reasons[n++] = reason;
    }
    if (wanted > n)
        n += collect_early(table, now_ns, wanted - n, keys + n, reasons + n);
    return n;
}

void flow_table_end(FlowTable *table, const FlowSample *last, FlowEnd reason, uint64_t now_ns)
{
    FlowRecord *record = find(table, &last->key);
    FlowSample before = {};

    if (record && is_another(last, &record->flow.sample)) {
        vanish(table, record);
        record = NULL;
    }
    if (record) {
        before = record->flow.sample;
        forget(table, record);
    } else {
        table->totals.started++;
    }
    table->totals.ended_packets += last->packets;
    table->totals.ended[reason]++;
    emit(table, last, &before, now_ns);
}

void flow_table_vanish(FlowTable *table, const FlowKey *key)
{
    FlowRecord *record = find(table, key);

    if (record)
        vanish(table, record);
}

const Flow *flow_table_get(const FlowTable *table, const FlowKey *key)
{
    const FlowRecord *record = find(table, key);

    return record ? &record->flow : NULL;
}

void flow_table_foreach(const FlowTable *table, FlowVisitFn visit, void *userdata)
{
    for (const FlowRecord *r = table->flows; r; r = r->hh.next)
        if (!visit(&r->flow, userdata))
            return;
}

const FlowTotals *flow_table_totals(const FlowTable *table)
{
    return &table->totals;
}

size_t flow_table_capacity(const FlowTable *table)
{
    return table->capacity;
}
