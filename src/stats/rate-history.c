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

void rate_history_reset(RateHistory *history, Count total, uint64_t now_ns)
{
    *history = (RateHistory){.last = {now_ns, total}};
    keep(history, &history->last);
}

void rate_history_add(RateHistory *history, Count total, uint64_t now_ns)
{
    history->last = (RateReading){now_ns, total};
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
