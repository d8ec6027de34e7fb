/* SPDX-License-Identifier: MIT */
#pragma once

/* The read model: everything that outputs (HTTP, metrics, D-Bus) show and that is neither a flow
 * nor a list.
 *
 * In: flow deltas (from the flow table), counters and scan results (from the scanner), attachments
 * (from the interface watch). Out: const views. Owns the windows of each address
 * (stats/address-table.h). It asks nobody for anything: `now` and data are handed in. Bounded by
 * addresses_max. */

#include "flow/attachment.h"
#include "flow/counters.h"
#include "flow/flow.h"

#include "base/cleanup.h"

typedef struct Stats Stats;

#define STATS_WINDOW_SEC 60

/* One address over the last 60 s. Counted for the source and the destination of each packet alike,
 * except where said. */
typedef struct Talker {
    Address address;
    double packets_per_second;
    double bytes_per_second;
    uint64_t packets; /* in the window */
    uint64_t bytes;
    uint64_t dropped_packets;
    uint32_t unique_dst_ports; /* distinct (port) this address sent to; exact up to 64, then within
                                  5 % */
    uint64_t syn_count;        /* TCP packets with SYN that it sent */
    uint64_t ack_count;        /* TCP packets with ACK that it sent */
    uint64_t last_seen_ns;
} Talker;

typedef struct Rates {
    double packets_per_second; /* over the last 60 s, or since start if that is shorter */
    double bytes_per_second;
} Rates;

/* One second or more of the past: from the point before this one until `time_ns`. */
typedef struct RatePoint {
    uint64_t time_ns;
    double packets_per_second;
    double bytes_per_second;
    double dropped_packets_per_second;
} RatePoint;

#define STATS_HISTORY_MAX 600U /* points that are held */

typedef struct Attachments {
    const Attachment *items;
    size_t count;
} Attachments;

/* What a scan took of the loop's time: the wall's, so that it shows what everything else waited. */
typedef struct ScanTime {
    uint64_t all_steps_ns;
    uint64_t longest_step_ns;
} ScanTime;

/* `addresses_max` bounds the memory: about 750 bytes an address, and 16 kB for each of those that
 * sent to more than 64 ports, which are a sixteenth of them at most. -EINVAL for 0, -ENOMEM. */
int stats_new(uint32_t addresses_max, uint64_t now_ns, Stats **ret);
Stats *stats_free(Stats *stats);
DEFINE_CLEANUP(Stats *, stats_free);

/* --- in */

void stats_add_delta(Stats *stats, const FlowDelta *delta, uint64_t now_ns);
/* After each scan. `drift_packets` as the scanner found it. */
void stats_set_counters(
        Stats *stats, const Counters *counters, uint64_t drift_packets, uint64_t now_ns);
void stats_set_scan_time(Stats *stats, const ScanTime *time); /* after each scan */
/* Call before the first scan if the datapath's counters are older than this process (a restart
 * adopted them): what they hold already is no traffic of this minute. */
void stats_set_baseline(Stats *stats, const Counters *counters, uint64_t now_ns);
void stats_set_attachments(Stats *stats, const Attachment *items, size_t count); /* copied */

/* --- out */

const Counters *stats_counters(const Stats *stats);
uint64_t stats_drift_packets(const Stats *stats);
ScanTime stats_scan_time(const Stats *stats); /* of the last one */
Rates stats_rates(const Stats *stats, uint64_t now_ns);
/* The newest `max` points, oldest first. Returns how many. */
size_t stats_history(const Stats *stats, RatePoint *points, size_t max);
uint32_t stats_active_addresses(
        const Stats *stats, uint64_t now_ns); /* seen in the window and tracked */
/* Packets of addresses for which there was no room; only grows. */
uint64_t stats_untracked_address_packets(const Stats *stats);
uint32_t stats_addresses_max(const Stats *stats);
Attachments stats_attachments(const Stats *stats);
const char *stats_interface_name(const Stats *stats, uint32_t ifindex); /* "" if not attached */

typedef enum TalkerOrder {
    TALKER_BY_PACKETS,
    TALKER_BY_BYTES,
    TALKER_BY_PORTS,
    TALKER_BY_SYN,
    TALKER_BY_DROPPED,
    _TALKER_ORDER_MAX,
} TalkerOrder;

/* The first `max` addresses in that order, ties by address, so that equal input gives equal output.
 * Returns how many; not quadratic in anything. */
size_t stats_talkers(
        const Stats *stats, TalkerOrder order, uint64_t now_ns, Talker *talkers, size_t max);

typedef struct TalkerTop {
    TalkerOrder order;
    Talker *talkers; /* the caller's, room for `max` */
    size_t max;
    size_t count; /* out */
} TalkerTop;

/* Several orders in one walk over the addresses, which is what a top costs. */
void stats_tops(const Stats *stats, uint64_t now_ns, TalkerTop *tops, size_t n);
/* One address; false if it isn't tracked. */
bool stats_talker(const Stats *stats, const Address *address, uint64_t now_ns, Talker *ret);
