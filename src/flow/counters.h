/* SPDX-License-Identifier: MIT */
#pragma once

/* The exact plane: what the datapath counted since its maps were created. Every value only ever
 * grows. "packets" are packets on the wire: a GSO/GRO super-packet counts as its segments. "bytes"
 * are frame bytes, link header included, FCS not. */

#include "flow/packet.h"

typedef struct Count {
    uint64_t packets;
    uint64_t bytes;
} Count;

typedef struct Counters {
    Count by[_PROTOCOL_MAX][_DIRECTION_MAX][_ACTION_MAX];
    uint64_t untracked_packets;  /* judged and counted, but there was no room for a flow */
    uint64_t unreadable_packets; /* IP by ethertype, addresses unreadable: passed unjudged */
    uint64_t transport_unreadable_packets;           /* the lists decided; no ports, no SSH rule */
    uint64_t fragments_unmatched_packets;            /* later fragments whose first was not seen */
    uint64_t events_shown_packets;                   /* handed to the ring buffer */
    uint64_t events_suppressed_packets[_ACTION_MAX]; /* over the budget */
    uint64_t events_lost_packets;                    /* ring buffer full */
} Counters;

Count counters_total(const Counters *counters);
Count counters_of_protocol(const Counters *counters, ProtocolClass protocol);
Count counters_of_direction(const Counters *counters, Direction direction);
Count counters_of_action(const Counters *counters, Action action);
uint64_t counters_suppressed_events(const Counters *counters);
/* The packets that some flow must account for: all but NONIP, unreadable and untracked ones. */
uint64_t counters_tracked_packets(const Counters *counters);
