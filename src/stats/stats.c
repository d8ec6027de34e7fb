/* SPDX-License-Identifier: MIT */
/* Addresses stand in a hash and in a list by the time they were seen last: those that nobody saw
 * for a whole window are at its head, and go first when room is needed. An address that finds none
 * is not tracked; its packets are counted. */

#include "stats/stats.h"

#include "stats/rate-history.h"
#include "stats/talker-heap.h"
#include "stats/window.h"

#include "base/clock.h"
#include "flow/keyed-hash.h"

/* Who walks all records touches only the first lines of each: that is what a walk costs. */
typedef struct AddressRecord {
    Address address; /* hash key */
    uint64_t last_seen_ns;
    struct AddressRecord *older, *newer;
    Window window; /* begins with the sums */
    UT_hash_handle hh;
} AddressRecord;

struct Stats {
    uint32_t addresses_max;
    uint32_t sketch_budget;
    uint64_t started_ns;
    AddressRecord *addresses; /* uthash */
    AddressRecord *oldest, *newest;
    uint64_t untracked_packets;
    Counters counters;
    uint64_t drift_packets;
    RateHistory history;
    Attachment *attachments; /* owned */
    size_t n_attachments;
};

int stats_new(uint32_t addresses_max, uint64_t now_ns, Stats **ret)
{
    Stats *stats;

    if (addresses_max == 0)
        return -EINVAL;
    stats = calloc(1, sizeof(*stats));
    if (!stats)
        return -ENOMEM;
    stats->addresses_max = addresses_max;
    /* Who sends to that many ports is rare; if everybody does, memory still stays bounded. */
    stats->sketch_budget = MAX_OF(addresses_max / 16, 64U);
    stats->started_ns = now_ns;
    rate_history_reset(&stats->history, &stats->counters, now_ns);
    *ret = stats;
    return 0;
}

/* --- the list by time */

static void unlink_record(Stats *stats, AddressRecord *record)
{
    *(record->older ? &record->older->newer : &stats->oldest) = record->newer;
    *(record->newer ? &record->newer->older : &stats->newest) = record->older;
    record->older = record->newer = NULL;
}

static void append_record(Stats *stats, AddressRecord *record)
{
    record->older = stats->newest;
    *(stats->newest ? &stats->newest->newer : &stats->oldest) = record;
    stats->newest = record;
}

static void drop_record(Stats *stats, AddressRecord *record)
{
    unlink_record(stats, record);
    HASH_DEL(stats->addresses, record);
    port_set_clear(&record->window.ports, &stats->sketch_budget);
    free(record);
}

static bool is_idle(const AddressRecord *record, uint32_t bucket)
{
    uint32_t seen = window_bucket(record->last_seen_ns);

    return bucket > seen && bucket - seen >= WINDOW_BUCKETS;
}

static void drop_idle(Stats *stats, uint64_t now_ns)
{
    uint32_t bucket = window_bucket(now_ns);

    while (stats->oldest && is_idle(stats->oldest, bucket))
        drop_record(stats, stats->oldest);
}

Stats *stats_free(Stats *stats)
{
    if (!stats)
        return NULL;
    while (stats->oldest)
        drop_record(stats, stats->oldest);
    free(stats->attachments);
    free(stats);
    return NULL;
}

/* --- in */

static AddressRecord *find(const Stats *stats, const Address *address)
{
    AddressRecord *record;

    HASH_FIND(hh, stats->addresses, address, sizeof(*address), record);
    return record;
}

static AddressRecord *insert(Stats *stats, const Address *address)
{
    AddressRecord *record;

    if (HASH_COUNT(stats->addresses) >= stats->addresses_max)
        return NULL;
    record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->address = *address;
    HASH_ADD(hh, stats->addresses, address, sizeof(Address), record);
    if (!hash_added(record)) {
        free(record);
        return NULL;
    }
    append_record(stats, record);
    return record;
}

/* The record of `address`, now the newest; NULL when there is no room. */
static AddressRecord *touch(Stats *stats, const Address *address, uint64_t now_ns)
{
    AddressRecord *record = find(stats, address);

    if (!record) {
        drop_idle(stats, now_ns);
        record = insert(stats, address);
    } else if (record != stats->newest) {
        unlink_record(stats, record);
        append_record(stats, record);
    }
    if (record)
        record->last_seen_ns = now_ns;
    return record;
}

static uint32_t clamp32(uint64_t value)
{
    return (uint32_t)MIN_OF(value, (uint64_t)UINT32_MAX);
}

static void add_to(Stats *stats, const Address *address, const FlowDelta *delta, bool is_source,
        uint64_t now_ns)
{
    AddressRecord *record = touch(stats, address, now_ns);
    WindowSums added = {.packets = delta->packets,
            .bytes = delta->bytes,
            .dropped_packets = delta->action == ACTION_DROP ? clamp32(delta->packets) : 0,
            .bucket = window_bucket(now_ns)};

    if (!record) {
        stats->untracked_packets += delta->packets;
        return;
    }
    if (is_source) {
        added.syn_packets = clamp32(delta->syn_packets);
        added.ack_packets = clamp32(delta->ack_packets);
        if (delta->key->dport != 0)
            port_set_add(
                    &record->window.ports, delta->key->dport, added.bucket, &stats->sketch_budget);
    }
    window_add(&record->window, &added);
}

void stats_add_delta(Stats *stats, const FlowDelta *delta, uint64_t now_ns)
{
    if (delta->packets == 0)
        return;
    /* Time of one clock, but nothing breaks if a caller's stands still or steps back. */
    if (stats->newest)
        now_ns = MAX_OF(now_ns, stats->newest->last_seen_ns);
    add_to(stats, &delta->key->src, delta, true, now_ns);
    if (!address_equal(&delta->key->src, &delta->key->dst))
        add_to(stats, &delta->key->dst, delta, false, now_ns);
}

void stats_set_counters(
        Stats *stats, const Counters *counters, uint64_t drift_packets, uint64_t now_ns)
{
    stats->counters = *counters;
    stats->drift_packets = drift_packets;
    rate_history_add(&stats->history, counters, now_ns);
    drop_idle(stats, now_ns);
}

void stats_set_baseline(Stats *stats, const Counters *counters, uint64_t now_ns)
{
    stats->counters = *counters;
    rate_history_reset(&stats->history, counters, now_ns);
}

/* Without memory for the new ones the old ones stay. */
void stats_set_attachments(Stats *stats, const Attachment *items, size_t count)
{
    Attachment *copy = reallocarray(stats->attachments, MAX_OF(count, (size_t)1), sizeof(*copy));

    if (!copy)
        return;
    if (count > 0)
        memcpy(copy, items, count * sizeof(*copy));
    stats->attachments = copy;
    stats->n_attachments = count;
}

/* --- out */

const Counters *stats_counters(const Stats *stats)
{
    return &stats->counters;
}

uint64_t stats_drift_packets(const Stats *stats)
{
    return stats->drift_packets;
}

Rates stats_rates(const Stats *stats, uint64_t now_ns)
{
    return rate_history_rates(&stats->history, now_ns);
}

size_t stats_history(const Stats *stats, RatePoint *points, size_t max)
{
    return rate_history_points(&stats->history, points, max);
}

uint32_t stats_active_addresses(const Stats *stats, uint64_t now_ns)
{
    uint32_t n = 0, bucket = window_bucket(now_ns);

    for (const AddressRecord *r = stats->newest; r && !is_idle(r, bucket); r = r->older)
        n++;
    return n;
}

uint64_t stats_untracked_address_packets(const Stats *stats)
{
    return stats->untracked_packets;
}

uint32_t stats_addresses_max(const Stats *stats)
{
    return stats->addresses_max;
}

Attachments stats_attachments(const Stats *stats)
{
    return (Attachments){stats->attachments, stats->n_attachments};
}

const char *stats_interface_name(const Stats *stats, uint32_t ifindex)
{
    for (size_t i = 0; i < stats->n_attachments; i++)
        if (stats->attachments[i].ifindex == ifindex)
            return stats->attachments[i].interface;
    return "";
}

/* All but the ports, which cost most. */
static Talker talker_of(const Stats *stats, const AddressRecord *record, uint64_t now_ns)
{
    WindowSums sum = window_sum(&record->window, window_bucket(now_ns));
    double seconds = (double)window_length_ns(stats->started_ns, now_ns) / (double)NSEC_PER_SEC;

    return (Talker){.address = record->address,
            .packets_per_second = (double)sum.packets / seconds,
            .bytes_per_second = (double)sum.bytes / seconds,
            .packets = sum.packets,
            .bytes = sum.bytes,
            .dropped_packets = sum.dropped_packets,
            .syn_count = sum.syn_packets,
            .ack_count = sum.ack_packets,
            .last_seen_ns = record->last_seen_ns};
}

static uint32_t ports_of(const AddressRecord *record, uint64_t now_ns)
{
    return port_set_count(&record->window.ports, window_bucket(now_ns));
}

static bool wants_ports(const TalkerTop *tops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tops[i].order == TALKER_BY_PORTS)
            return true;
    return false;
}

static void finish_top(const Stats *stats, uint64_t now_ns, TalkerHeap *heap, TalkerTop *top)
{
    talker_heap_sort(heap);
    top->count = heap->count;
    for (size_t i = 0; i < top->count; i++)
        top->talkers[i].unique_dst_ports = ports_of(find(stats, &top->talkers[i].address), now_ns);
}

void stats_tops(const Stats *stats, uint64_t now_ns, TalkerTop *tops, size_t n)
{
    uint32_t bucket = window_bucket(now_ns);
    bool ports = wants_ports(tops, n);
    TalkerHeap heaps[_TALKER_ORDER_MAX];

    n = MIN_OF(n, ELEMENTSOF(heaps));
    for (size_t i = 0; i < n; i++)
        heaps[i] =
                (TalkerHeap){.items = tops[i].talkers, .max = tops[i].max, .order = tops[i].order};
    for (AddressRecord *r = stats->newest; r && !is_idle(r, bucket); r = r->older) {
        Talker talker;

        window_keep_sum(&r->window, bucket);
        talker = talker_of(stats, r, now_ns);
        if (ports)
            talker.unique_dst_ports = ports_of(r, now_ns);
        for (size_t i = 0; i < n; i++)
            talker_heap_offer(&heaps[i], &talker);
    }
    for (size_t i = 0; i < n; i++)
        finish_top(stats, now_ns, &heaps[i], &tops[i]);
}

size_t stats_talkers(
        const Stats *stats, TalkerOrder order, uint64_t now_ns, Talker *talkers, size_t max)
{
    TalkerTop top = {.order = order, .talkers = talkers, .max = max};

    stats_tops(stats, now_ns, &top, 1);
    return top.count;
}

bool stats_talker(const Stats *stats, const Address *address, uint64_t now_ns, Talker *ret)
{
    const AddressRecord *record = find(stats, address);

    if (!record || is_idle(record, window_bucket(now_ns)))
        return false;
    *ret = talker_of(stats, record, now_ns);
    ret->unique_dst_ports = ports_of(record, now_ns);
    return true;
}
