/* SPDX-License-Identifier: MIT */
/* The invariant that everything here keeps: totals.live_packets is the sum of what the records
 * hold, and every packet a sample ever reported is in live_packets, ended_packets or
 * vanished_packets. So the three can be held against the datapath's counters at any time. */

#define HASH_BUCKETS_LOG2 keyed_hash_log2(table->capacity)

#include "flow/flow-table.h"

#include "flow/flow-expiry.h"
#include "flow/flow-order.h"

#include "base/clock.h"

struct FlowTable {
    FlowRecord *flows; /* uthash, by key */
    FlowOrder order;
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
    table->pool.capacity = _FLOW_FAMILY_MAX * (capacity + 1); /* one more each, see bpf.c */
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
    table->totals.live_of[flow_family(&record->flow.sample.key)]--;
    table->totals.live_packets -= record->flow.sample.packets;
    flow_order_remove(&table->order, record);
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
    flow_order_insert(&table->order, record);
    table->totals.live++;
    table->totals.live_of[flow_family(&sample->key)]++;
    table->totals.started++;
    return record;
}

static FlowRecord *find_in_order(FlowTable *table, const FlowKey *key)
{
    FlowRecord *record = flow_order_expected(&table->order);

    if (record && memcmp(&record->flow.sample.key, key, sizeof(*key)) == 0)
        return record;
    record = find(table, key);
    if (record)
        flow_order_move(&table->order, record);
    return record;
}

void flow_table_scan_begin(FlowTable *table, uint64_t now_ns)
{
    flow_order_begin(&table->order);
    table->scan++;
    table->last_scan_ns = table->scan_ns;
    table->scan_ns = now_ns;
}

int flow_table_add(FlowTable *table, const FlowSample *sample, uint64_t now_ns)
{
    FlowRecord *record = find_in_order(table, &sample->key);
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
    flow_order_reach(&table->order, record);
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

size_t flow_table_collect_ended(const FlowTable *table, uint64_t now_ns,
        const size_t room_wanted[static _FLOW_FAMILY_MAX], EndingFlow *ending, size_t max)
{
    return collect_ending(table, &table->timeouts, now_ns, room_wanted, ending, max);
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

size_t flow_table_room(const FlowTable *table)
{
    return _FLOW_FAMILY_MAX * table->capacity;
}
