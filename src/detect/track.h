/* SPDX-License-Identifier: MIT */
#pragma once

/* A bounded table of things that are watched for a while: each has a sliding window of sums and of
 * distinct values (stats/window.h). When it is full one that was touched long ago and seldom goes,
 * and is counted if it was still of interest: who tries much stays, however many forged addresses
 * pass by. */

#include "base/address.h"
#include "flow/keyed-hash.h"
#include "stats/window.h"

#include <stdbool.h>

/* Comparable with memcmp: all padding is explicit and zero. */
typedef struct TrackKey {
    Address who;
    Address other;
    uint16_t port;
    uint8_t protocol;
    uint8_t zero;
} TrackKey;
_Static_assert(sizeof(TrackKey) == 36, "TrackKey has no hidden padding");

typedef struct Track {
    TrackKey key;
    Window window;
    uint64_t touched_ns;
    uint8_t credit;      /* second chances: it was touched again and again */
    uint64_t crossed_ns; /* since when it has been over its threshold; 0 = it isn't */
    uint32_t ifindex;    /* where it was seen last */
    struct Track *older, *newer;
    UT_hash_handle hh;
} Track;

typedef struct TrackTable {
    Track *tracks; /* uthash */
    Track *oldest, *newest;
    uint32_t max;
    uint64_t bucket_ns;     /* a twelfth of its window */
    uint32_t sketch_budget; /* for more than 64 values each; port-set.h */
    uint64_t lost;          /* given up while of interest, or no memory */
} TrackTable;

uint32_t track_bucket(const TrackTable *table, uint64_t now_ns);
/* Finds or makes it; it is the newest now. NULL: no memory, counted. */
Track *track_touch(TrackTable *table, const TrackKey *key, uint64_t now_ns);
Track *track_find(const TrackTable *table, const TrackKey *key); /* NULL */
void track_add(TrackTable *table, Track *track, const WindowSums *added, uint64_t now_ns);
void track_add_value(TrackTable *table, Track *track, uint16_t value, uint64_t now_ns);
uint32_t track_values(const TrackTable *table, const Track *track, uint64_t now_ns);
WindowSums track_sum(const TrackTable *table, const Track *track, uint64_t now_ns);
/* Begins to count anew. */
void track_reset(TrackTable *table, Track *track);
/* Forgets what nobody touched for a whole window. */
void track_drop_idle(TrackTable *table, uint64_t now_ns);
void track_done(TrackTable *table);
