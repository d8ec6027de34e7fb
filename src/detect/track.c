/* SPDX-License-Identifier: MIT */
/* Tracks stand in a hash and in a list by the time they were touched last. When room is needed the
 * head of the list goes, unless it has credit: then it gives half of that away for a place at the
 * end. So a flood of addresses that come once pushes out its like, and not what is busy. */

#define HASH_BUCKETS_LOG2 keyed_hash_log2(table->max)

#include "detect/track.h"

#include "base/cleanup.h"

#define CREDIT_MAX 16U
#define CHANCES    8 /* looked at before one goes in any case */

uint32_t track_bucket(const TrackTable *table, uint64_t now_ns)
{
    return (uint32_t)(now_ns / table->bucket_ns);
}

/* --- the list by time */

static void unlink_track(TrackTable *table, Track *track)
{
    *(track->older ? &track->older->newer : &table->oldest) = track->newer;
    *(track->newer ? &track->newer->older : &table->newest) = track->older;
    track->older = track->newer = NULL;
}

static void append_track(TrackTable *table, Track *track)
{
    track->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = track;
    table->newest = track;
}

static void drop(TrackTable *table, Track *track)
{
    unlink_track(table, track);
    HASH_DEL(table->tracks, track);
    port_set_clear(&track->window.ports, &table->sketch_budget);
    free(track);
}

static bool is_idle(const TrackTable *table, const Track *track, uint64_t now_ns)
{
    return track_bucket(table, now_ns) - track_bucket(table, track->touched_ns) >= WINDOW_BUCKETS;
}

void track_drop_idle(TrackTable *table, uint64_t now_ns)
{
    while (table->oldest && is_idle(table, table->oldest, now_ns))
        drop(table, table->oldest);
}

void track_done(TrackTable *table)
{
    while (table->oldest)
        drop(table, table->oldest);
}

/* --- in */

static Track *insert(TrackTable *table, const TrackKey *key)
{
    Track *track = calloc(1, sizeof(*track));

    if (!track)
        return NULL;
    track->key = *key;
    HASH_ADD(hh, table->tracks, key, sizeof(TrackKey), track);
    if (!hash_added(track)) {
        free(track);
        return NULL;
    }
    append_track(table, track);
    return track;
}

static void renew(TrackTable *table, Track *track)
{
    unlink_track(table, track);
    append_track(table, track);
}

static void make_room(TrackTable *table, uint64_t now_ns)
{
    if (HASH_COUNT(table->tracks) < table->max)
        return;
    for (int i = 0; i < CHANCES && table->oldest->credit > 0; i++) {
        if (is_idle(table, table->oldest, now_ns))
            break;
        if (table->oldest->crossed_ns == 0)
            table->oldest->credit /= 2;
        renew(table, table->oldest);
    }
    table->lost += !is_idle(table, table->oldest, now_ns);
    drop(table, table->oldest);
}

Track *track_find(const TrackTable *table, const TrackKey *key)
{
    Track *track;

    HASH_FIND(hh, table->tracks, key, sizeof(*key), track);
    return track;
}

Track *track_touch(TrackTable *table, const TrackKey *key, uint64_t now_ns)
{
    Track *track = track_find(table, key);

    if (!track) {
        make_room(table, now_ns);
        track = insert(table, key);
        table->lost += !track;
    } else {
        track->credit = (uint8_t)MIN_OF(track->credit + 1U, CREDIT_MAX);
        renew(table, track);
    }
    if (track)
        track->touched_ns = now_ns;
    return track;
}

void track_add(TrackTable *table, Track *track, const WindowSums *added, uint64_t now_ns)
{
    WindowSums sums = *added;

    sums.bucket = track_bucket(table, now_ns);
    window_add(&track->window, &sums);
}

void track_add_value(TrackTable *table, Track *track, uint16_t value, uint64_t now_ns)
{
    port_set_add(&track->window.ports, value, track_bucket(table, now_ns), &table->sketch_budget);
}

void track_reset(TrackTable *table, Track *track)
{
    port_set_clear(&track->window.ports, &table->sketch_budget);
    track->window = (Window){};
}

/* --- out */

uint32_t track_values(const TrackTable *table, const Track *track, uint64_t now_ns)
{
    return port_set_count(&track->window.ports, track_bucket(table, now_ns));
}

WindowSums track_sum(const TrackTable *table, const Track *track, uint64_t now_ns)
{
    return window_sum(&track->window, track_bucket(table, now_ns));
}
