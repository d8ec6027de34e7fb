/* SPDX-License-Identifier: MIT */
#pragma once

/* What one address did in the last 60 s: sums in buckets of 5 s, of which the running one and the
 * eleven before it count. So the window is between 55 and 60 s long; rates are taken over its true
 * length (window_length_ns()), which makes them exact for steady traffic. */

#include "stats/port-set.h"

#include <stdint.h>

#define WINDOW_BUCKETS   PORT_SET_BUCKETS
#define WINDOW_BUCKET_NS 5000000000ULL

typedef struct WindowSums {
    uint64_t packets;
    uint64_t bytes;
    uint32_t dropped_packets;
    uint32_t syn_packets;
    uint32_t ack_packets;
    uint32_t bucket; /* whose sums these are */
} WindowSums;

typedef struct Window {
    WindowSums buckets[WINDOW_BUCKETS];
    PortSet ports;
} Window;

uint32_t window_bucket(uint64_t now_ns);
/* How much time the window covers at `now_ns`, if watching began at `start_ns`; never under 1 s. */
uint64_t window_length_ns(uint64_t start_ns, uint64_t now_ns);

/* Adds to the bucket of `added->bucket`; the 32-bit sums saturate. */
void window_add(Window *window, const WindowSums *added);
WindowSums window_sum(const Window *window, uint32_t bucket);
