/* SPDX-License-Identifier: MIT */
#pragma once

/* The totals of the last ten minutes, a reading a second, from which overall rates follow. Private
 * to stats.c. */

#include "stats/stats.h"

#define RATE_READINGS (STATS_HISTORY_MAX + 1) /* more than a window at the closest spacing */

typedef struct RateReading {
    uint64_t time_ns;
    Count total;
    Count dropped;
} RateReading;

typedef struct RateHistory {
    RateReading readings[RATE_READINGS]; /* a ring, in the order of time */
    uint32_t first, count;
    RateReading last; /* the newest, also if it came too soon to be kept */
} RateHistory;

/* Forgets all; what comes later is held against `counters`. */
void rate_history_reset(RateHistory *history, const Counters *counters, uint64_t now_ns);
void rate_history_add(RateHistory *history, const Counters *counters, uint64_t now_ns);
Rates rate_history_rates(const RateHistory *history, uint64_t now_ns);
/* What stats_history() promises. */
size_t rate_history_points(const RateHistory *history, RatePoint *points, size_t max);
