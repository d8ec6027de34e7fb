/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether everything that was counted is in a flow, and the other way round.
 *
 * It rests on the datapath's order: a packet is counted first and added to its flow then. So what
 * the flows hold, plus what ended, can't be less than what was counted before the scan (C1) nor
 * more than what was counted after it (C2). What is ended between is read and deleted in one
 * operation, and lies between the two as well. */

#include "flow/counters.h"
#include "flow/flow-table.h"

/* After maps were adopted, how much had ended before our time is not known: it lies between bounds
 * that each scan narrows, `base` (kept in the flow table) and base + base_slack. Packets in flight
 * when a scan begins are in C1 and in no flow yet, and are taken as ended: the base may be too high
 * by them, one a CPU. That shows as soon as a scan finds more than was counted, and the base is
 * lowered then; not by more than could have been in flight, or the check would find nothing. */
typedef struct SelfCheck {
    uint64_t base, base_slack;
    uint64_t in_flight_left; /* by how much the base may still be lowered */
} SelfCheck;

/* Before the first scan, if the datapath's maps are older than the flow table. */
void self_check_adopt(SelfCheck *check);
/* After a scan. Returns by how many packets the two differ; 0 is right. */
uint64_t self_check(
        SelfCheck *check, FlowTable *table, const Counters *before, const Counters *after);
