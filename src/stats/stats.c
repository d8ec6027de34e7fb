/* SPDX-License-Identifier: MIT */
#include "stats/stats.h"

#include "stats/address-table.h"
#include "stats/rate-history.h"
#include "stats/talker-order.h"

#include "base/clock.h"

#include <string.h>

struct Stats {
    uint64_t started_ns;
    AddressTable *addresses;
    uint64_t untracked_packets;
    Counters counters;
    uint64_t drift_packets;
    ScanTime scan_time;
    RateHistory history;
    Attachment *attachments; /* owned */
    size_t n_attachments;
};

int stats_new(uint32_t addresses_max, uint64_t now_ns, Stats **ret)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    int r;

    if (addresses_max == 0)
        return -EINVAL;
    stats = calloc(1, sizeof(*stats));
    if (!stats)
        return -ENOMEM;
    r = address_table_new(addresses_max, &stats->addresses);
    if (r < 0)
        return r;
    stats->started_ns = now_ns;
    rate_history_reset(&stats->history, &stats->counters, now_ns);
    *ret = TAKE_PTR(stats);
    return 0;
}

Stats *stats_free(Stats *stats)
{
    if (!stats)
        return NULL;
    address_table_free(stats->addresses);
    free(stats->attachments);
    free(stats);
    return NULL;
}

/* --- in */

static uint32_t clamp32(uint64_t value)
{
    return (uint32_t)MIN_OF(value, (uint64_t)UINT32_MAX);
}

static void add_to(Stats *stats, const Address *address, const FlowDelta *delta, bool is_source,
        uint64_t now_ns)
{
    WindowSums added = {.packets = delta->packets,
            .bytes = delta->bytes,
            .dropped_packets = delta->action == ACTION_DROP ? clamp32(delta->packets) : 0,
            .syn_packets = is_source ? clamp32(delta->syn_packets) : 0,
            .ack_packets = is_source ? clamp32(delta->ack_packets) : 0};

    if (!address_table_add(
                stats->addresses, address, &added, is_source ? delta->key->dport : 0, now_ns))
        stats->untracked_packets += delta->packets;
}

void stats_add_delta(Stats *stats, const FlowDelta *delta, uint64_t now_ns)
{
    if (delta->packets == 0)
        return;
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
    address_table_drop_idle(stats->addresses, now_ns);
}

void stats_set_scan_time(Stats *stats, const ScanTime *time)
{
    stats->scan_time = *time;
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

ScanTime stats_scan_time(const Stats *stats)
{
    return stats->scan_time;
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
    return address_table_active(stats->addresses, now_ns);
}

uint64_t stats_untracked_address_packets(const Stats *stats)
{
    return stats->untracked_packets;
}

uint32_t stats_addresses_max(const Stats *stats)
{
    return address_table_max(stats->addresses);
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

/* --- addresses */

/* All but rates and time, which only those need that are shown. */
static Talker talker_of(const AddressSums *sums)
{
    return (Talker){.address = sums->address,
            .packets = sums->packets,
            .bytes = sums->bytes,
            .dropped_packets = sums->dropped_packets,
            .unique_dst_ports = sums->ports,
            .syn_count = sums->syn_packets,
            .ack_count = sums->ack_packets};
}

bool stats_talker(const Stats *stats, const Address *address, uint64_t now_ns, Talker *ret)
{
    double seconds = (double)window_length_ns(stats->started_ns, now_ns) / (double)NSEC_PER_SEC;
    AddressSums sums;
    uint64_t last_seen_ns;

    if (!address_table_get(stats->addresses, address, now_ns, &sums, &last_seen_ns))
        return false;
    *ret = talker_of(&sums);
    ret->packets_per_second = (double)ret->packets / seconds;
    ret->bytes_per_second = (double)ret->bytes / seconds;
    ret->last_seen_ns = last_seen_ns;
    return true;
}

static void finish_top(const Stats *stats, uint64_t now_ns, Top *chosen, TalkerTop *top)
{
    top_sort(chosen);
    top->count = chosen->count;
    for (size_t i = 0; i < top->count; i++) {
        Address address = top->talkers[i].address;

        (void)stats_talker(stats, &address, now_ns, &top->talkers[i]);
    }
}

void stats_tops(const Stats *stats, uint64_t now_ns, TalkerTop *tops, size_t n)
{
    size_t n_slots;
    const AddressSums *all = address_table_all(stats->addresses, now_ns, &n_slots);
    Top chosen[_TALKER_ORDER_MAX];

    n = MIN_OF(n, ELEMENTSOF(chosen));
    for (size_t i = 0; i < n; i++)
        chosen[i] = talker_top(tops[i].talkers, tops[i].max, &tops[i].order);
    for (size_t slot = 0; slot < n_slots; slot++) {
        Talker talker = talker_of(&all[slot]);

        for (size_t i = 0; i < n && talker.packets > 0; i++)
            top_offer(&chosen[i], &talker);
    }
    for (size_t i = 0; i < n; i++)
        finish_top(stats, now_ns, &chosen[i], &tops[i]);
}

size_t stats_talkers(
        const Stats *stats, TalkerOrder order, uint64_t now_ns, Talker *talkers, size_t max)
{
    TalkerTop top = {.order = order, .talkers = talkers, .max = max};

    stats_tops(stats, now_ns, &top, 1);
    return top.count;
}
