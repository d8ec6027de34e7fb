/* SPDX-License-Identifier: MIT */
#pragma once

/* What detect.c (what came to nothing?) and findings.c (is it an alert?) share. */

#include "detect/attempt.h"
#include "detect/detect.h"
#include "detect/track.h"

#define RATE_WINDOW_SEC 12U /* of floods and volume */

struct Detect {
    DetectConfig config;
    const FlowTable *flows;
    DetectObserver observer;
    AttemptQueue waiting;
    TrackTable tables[_ALERT_KIND_MAX];
    TrackTable told; /* who is in his cool-down: touched when told */
    uint64_t last_tick_ns;
    uint64_t minute_ns; /* since when alerts are counted for the limit on them */
    unsigned told_in_minute;
    uint64_t suppressed;
};

/* findings.c: looks at all tracks that changed, or that have been over their threshold. */
void findings_tell(Detect *detect, uint64_t now_ns);
