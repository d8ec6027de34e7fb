/* SPDX-License-Identifier: MIT */
#include "stats/rate-history.h"

#include "base/clock.h"

static const RateReading *reading(const RateHistory *history, uint32_t i)
{
    return &history->readings[(history->first + i) % RATE_READINGS];
}

static void keep(RateHistory *history, const RateReading *kept)
{
    if (history->count == RATE_READINGS) {
        history->first = (history->first + 1) % RATE_READINGS;
        history->count--;
    }
    history->readings[(history->first + history->count++) % RATE_READINGS] = *kept;
}

static RateReading reading_of(const Counters *counters, uint64_t now_ns)
{
    return (RateReading){
            now_ns, counters_total(counters), counters_of_action(counters, ACTION_DROP)};
}

void rate_history_reset(RateHistory *history, const Counters *counters, uint64_t now_ns)
{
    *history = (RateHistory){.last = reading_of(counters, now_ns)};
    keep(history, &history->last);
}

void rate_history_add(RateHistory *history, const Counters *counters, uint64_t now_ns)
{
    history->last = reading_of(counters, now_ns);
    if (now_ns >= reading(history, history->count - 1)->time_ns + NSEC_PER_SEC)
        keep(history, &history->last);
}

/* The newest reading that is a window old, or the oldest there is. */
static const RateReading *base_of(const RateHistory *history, uint64_t now_ns)
{
    uint32_t i = history->count - 1;

    while (i > 0 && reading(history, i)->time_ns + STATS_WINDOW_SEC * NSEC_PER_SEC > now_ns)
        i--;
    return reading(history, i);
}

Rates rate_history_rates(const RateHistory *history, uint64_t now_ns)
{
    const RateReading *base = base_of(history, now_ns);
    uint64_t elapsed_ns = now_ns > base->time_ns ? now_ns - base->time_ns : 0;
    double seconds = (double)MAX_OF(elapsed_ns, (uint64_t)NSEC_PER_SEC) / (double)NSEC_PER_SEC;

    return (Rates){
            .packets_per_second =
                    (double)(history->last.total.packets - base->total.packets) / seconds,
            .bytes_per_second = (double)(history->last.total.bytes - base->total.bytes) / seconds,
    };
}

static RatePoint point_between(const RateReading *from, const RateReading *to)
{
    double seconds = (double)(to->time_ns - from->time_ns) / (double)NSEC_PER_SEC;

    return (RatePoint){
            .time_ns = to->time_ns,
            .packets_per_second = (double)(to->total.packets - from->total.packets) / seconds,
            .bytes_per_second = (double)(to->total.bytes - from->total.bytes) / seconds,
            .dropped_packets_per_second =
                    (double)(to->dropped.packets - from->dropped.packets) / seconds,
    };
}

/* Readings are at least a second apart: keep() is only called so. */
size_t rate_history_points(const RateHistory *history, RatePoint *points, size_t max)
{
    size_t n = MIN_OF((size_t)history->count - 1, max);
    uint32_t first = history->count - 1 - (uint32_t)n;

    for (uint32_t i = 0; i < n; i++)
        points[i] = point_between(reading(history, first + i), reading(history, first + i + 1));
    return n;
}
