/* SPDX-License-Identifier: MIT */
/* A stamp is the bucket's number modulo 255, plus one. That is enough to tell ages apart, because
 * whatever is outdated is removed whenever a new bucket begins, and all is when a whole window has
 * passed: no stamp gets older than two windows. */

#include "stats/port-set.h"

#include "base/cleanup.h"
#include "flow/keyed-hash.h"

#include <math.h>
#include <stdlib.h>

static uint8_t stamp_of(uint32_t bucket)
{
    return (uint8_t)(1 + bucket % 255);
}

static uint32_t age_of(uint8_t stamp, uint32_t bucket)
{
    return (stamp_of(bucket) + 255U - stamp) % 255;
}

static bool is_fresh(uint8_t stamp, uint32_t bucket)
{
    return age_of(stamp, bucket) < PORT_SET_BUCKETS;
}

static void free_sketch(PortSet *set, uint32_t *budget)
{
    if (!set->sketch)
        return;
    free(set->sketch);
    set->sketch = NULL;
    set->cells = 0;
    ++*budget;
}

void port_set_clear(PortSet *set, uint32_t *budget)
{
    free_sketch(set, budget);
    set->count = 0;
}

/* The fresh stamps as a run of bytes: `n` of them from `first` on, and where the numbers begin
 * anew, the rest up to the last one. Two comparisons a cell, and many cells at once. */
typedef struct FreshStamps {
    uint8_t first, n;
    uint8_t before_first, before_n;
} FreshStamps;

static FreshStamps fresh_stamps(uint32_t bucket)
{
    uint8_t last = stamp_of(bucket), n = MIN_OF(last, (uint8_t)PORT_SET_BUCKETS);
    uint8_t before_n = (uint8_t)(PORT_SET_BUCKETS - n);

    return (FreshStamps){.first = (uint8_t)(last - n + 1),
            .n = n,
            .before_first = (uint8_t)(256U - before_n),
            .before_n = before_n};
}

static bool holds(FreshStamps fresh, uint8_t stamp)
{
    return ((uint8_t)(stamp - fresh.first) < fresh.n) |
           ((uint8_t)(stamp - fresh.before_first) < fresh.before_n);
}

static uint32_t sketch_fresh_cells(const uint8_t *sketch, uint32_t bucket)
{
    FreshStamps fresh = fresh_stamps(bucket);
    uint32_t n = 0;

    for (uint32_t i = 0; i < PORT_SKETCH_BYTES; i++)
        n += holds(fresh, sketch[i]);
    return n;
}

static void sketch_forget_old(PortSet *set, uint32_t bucket, uint32_t *budget)
{
    FreshStamps fresh = fresh_stamps(bucket);
    uint8_t *sketch = set->sketch;

    for (uint32_t i = 0; i < PORT_SKETCH_BYTES; i++)
        sketch[i] = holds(fresh, sketch[i]) ? sketch[i] : 0;
    set->cells = (uint16_t)sketch_fresh_cells(sketch, bucket);
    if (set->cells == 0)
        free_sketch(set, budget);
}

static void exact_forget_old(PortSet *set, uint32_t bucket)
{
    uint8_t kept = 0;

    for (uint8_t i = 0; i < set->count; i++) {
        if (!is_fresh(set->stamps[i], bucket))
            continue;
        set->stamps[kept] = set->stamps[i];
        set->ports[kept++] = set->ports[i];
    }
    set->count = kept;
}

static void advance(PortSet *set, uint32_t bucket, uint32_t *budget)
{
    uint32_t passed = bucket > set->bucket ? bucket - set->bucket : 0;

    if (passed == 0)
        return;
    set->bucket = bucket;
    if (passed >= PORT_SET_BUCKETS)
        port_set_clear(set, budget);
    else if (set->sketch)
        sketch_forget_old(set, bucket, budget);
    else
        exact_forget_old(set, bucket);
}

/* The hash is keyed, or a scanner could choose ports that share a cell. */
static void sketch_add(PortSet *set, uint16_t port, uint8_t stamp)
{
    uint8_t *cell = &set->sketch[keyed_hash(&port, sizeof(port)) % PORT_SKETCH_BYTES];

    set->cells += *cell == 0;
    *cell = stamp;
}

static void turn_into_sketch(PortSet *set, uint32_t *budget)
{
    if (*budget == 0)
        return;
    set->sketch = calloc(PORT_SKETCH_BYTES, 1);
    if (!set->sketch)
        return;
    --*budget;
    for (uint8_t i = 0; i < set->count; i++)
        sketch_add(set, set->ports[i], set->stamps[i]);
    set->count = 0;
}

static bool exact_add(PortSet *set, uint16_t port, uint8_t stamp)
{
    for (uint8_t i = 0; i < set->count; i++) {
        if (set->ports[i] == port) {
            set->stamps[i] = stamp;
            return true;
        }
    }
    if (set->count == PORT_SET_EXACT)
        return false;
    set->stamps[set->count] = stamp;
    set->ports[set->count++] = port;
    return true;
}

void port_set_add(PortSet *set, uint16_t port, uint32_t bucket, uint32_t *budget)
{
    uint8_t stamp;

    advance(set, bucket, budget);
    stamp = stamp_of(set->bucket);
    if (!set->sketch) {
        if (exact_add(set, port, stamp))
            return;
        turn_into_sketch(set, budget);
    }
    if (set->sketch)
        sketch_add(set, port, stamp);
}

uint32_t port_set_forget(PortSet *set, uint32_t bucket, uint32_t *budget)
{
    uint32_t oldest = 0;

    advance(set, bucket, budget);
    if (set->sketch)
        return set->bucket + 1;
    for (uint8_t i = 0; i < set->count; i++)
        oldest = MAX_OF(oldest, age_of(set->stamps[i], set->bucket));
    return set->bucket + PORT_SET_BUCKETS - oldest;
}

static uint32_t sketch_estimate(uint32_t cells)
{
    double empty = PORT_SKETCH_BYTES - cells, estimate;

    if (cells >= PORT_SKETCH_BYTES)
        return 65536;
    estimate = -(double)PORT_SKETCH_BYTES * log(empty / PORT_SKETCH_BYTES);
    return estimate > 65536 ? 65536 : (uint32_t)(estimate + 0.5);
}

uint32_t port_set_count(const PortSet *set, uint32_t bucket)
{
    uint32_t n = 0;

    if (bucket == set->bucket)
        return set->sketch ? sketch_estimate(set->cells) : set->count;
    if (bucket - set->bucket >= PORT_SET_BUCKETS)
        return 0;
    if (set->sketch)
        return sketch_estimate(sketch_fresh_cells(set->sketch, bucket));
    for (uint8_t i = 0; i < set->count; i++)
        n += is_fresh(set->stamps[i], bucket);
    return n;
}
