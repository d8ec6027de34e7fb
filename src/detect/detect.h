/* SPDX-License-Identifier: MIT */
#pragma once

/* Finds scans and floods in what the flow table sees.
 *
 * In: flow deltas, `now` after each scan, the flow table (to see who was answered). Out: alerts.
 * Counts only what came to nothing: a TCP flow that never acknowledged anything, a datagram that
 * nobody answered. Ordinary traffic, however much, is answered, and so is silent here by nature and
 * not by thresholds (docs/detection.md).
 *
 * What the blacklist drops is no longer news and isn't looked at. No work a packet: a flow costs a
 * little when it is read. Memory is bounded by detect.tracked_max; what didn't fit is counted. */

#include "base/cleanup.h"
#include "config/config.h"
#include "detect/alert.h"
#include "flow/flow-table.h"

typedef struct Detect Detect;

typedef struct DetectObserver {
    /* Complete but for wall_ns, interface and blocked_until_wall_ns. */
    void (*alert)(const Alert *alert, void *userdata);
    /* Is this source's behaviour nobody's business (the whitelist)? NULL: nobody's is. */
    bool (*exempt)(const Address *source, void *userdata);
    void *userdata;
} DetectObserver;

/* `flows` is borrowed. */
int detect_new(const DetectConfig *config, const FlowTable *flows, const DetectObserver *observer,
        Detect **ret);
Detect *detect_free(Detect *detect);
DEFINE_CLEANUP(Detect *, detect_free);
/* Other thresholds; what was seen so far is forgotten, cool-downs too. */
void detect_reload(Detect *detect, const DetectConfig *config);

void detect_add_delta(Detect *detect, const FlowDelta *delta, uint64_t now_ns);
/* After each scan: judges what has waited long enough, tells what is over its threshold. */
void detect_tick(Detect *detect, uint64_t now_ns);

/* Sources and targets given up while they were of interest: the tables were full. Only grows. */
uint64_t detect_lost(const Detect *detect);
/* Alerts not told because there were too many within a minute. Only grows. */
uint64_t detect_suppressed(const Detect *detect);
