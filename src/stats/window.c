/* SPDX-License-Identifier: MIT */
#include "stats/window.h"

#include "base/cleanup.h"
#include "base/clock.h"

uint32_t window_bucket(uint64_t now_ns)
{
    return (uint32_t)(now_ns / WINDOW_BUCKET_NS);
}

uint64_t window_length_ns(uint64_t start_ns, uint64_t now_ns)
{
    uint64_t full_ns = (WINDOW_BUCKETS - 1) * WINDOW_BUCKET_NS + now_ns % WINDOW_BUCKET_NS;
    uint64_t watched_ns = now_ns > start_ns ? now_ns - start_ns : 0;
    uint64_t length_ns = MIN_OF(full_ns, watched_ns);

    return MAX_OF(length_ns, (uint64_t)NSEC_PER_SEC);
}

static uint32_t add_saturating(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void add(WindowSums *sums, const WindowSums *added)
{
    sums->packets += added->packets;
    sums->bytes += added->bytes;
    sums->dropped_packets = add_saturating(sums->dropped_packets, added->dropped_packets);
    sums->syn_packets = add_saturating(sums->syn_packets, added->syn_packets);
    sums->ack_packets = add_saturating(sums->ack_packets, added->ack_packets);
}

void window_add(Window *window, const WindowSums *added)
{
    WindowSums *sums = &window->buckets[added->bucket % WINDOW_BUCKETS];

    if (sums->bucket != added->bucket)
        *sums = (WindowSums){.bucket = added->bucket};
    add(sums, added);
}

WindowSums window_sum(const Window *window, uint32_t bucket)
{
    WindowSums sum = {.bucket = bucket};

    for (uint32_t i = 0; i < WINDOW_BUCKETS; i++)
        if (bucket - window->buckets[i].bucket < WINDOW_BUCKETS)
            add(&sum, &window->buckets[i]);
    return sum;
}
