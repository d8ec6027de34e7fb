/* SPDX-License-Identifier: MIT */
/* A stamp is the bucket's number modulo 255, plus one. That is enough to tell ages apart, because
 * whatever is outdated is removed whenever a new bucket begins, and all is when a whole window has
 * passed: no stamp gets older than two windows. */

#include "stats/port-set.h"

#include "flow/keyed-hash.h"

#include <math.h>
#include <stdlib.h>

static uint8_t stamp_of(uint32_t bucket)
{
    return (uint8_t)(1 + bucket % 255);
}

static bool is_fresh(uint8_t stamp, uint32_t bucket)
{
    return (stamp_of(bucket) + 255U - stamp) % 255 < PORT_SET_BUCKETS;
}

static void free_sketch(PortSet *set, uint32_t *budget)
{
    if (!set->sketch)
        return;
    free(set->sketch);
    set->sketch = NULL;
    ++*budget;
}

void port_set_clear(PortSet *set, uint32_t *budget)
{
    free_sketch(set, budget);
    set->count = 0;
}

static uint32_t sketch_fresh_cells(const uint8_t *sketch, uint32_t bucket)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < PORT_SKETCH_BYTES; i++)
        n += sketch[i] != 0 && is_fresh(sketch[i], bucket);
    return n;
}

static void sketch_forget_old(PortSet *set, uint32_t bucket, uint32_t *budget)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < PORT_SKETCH_BYTES; i++) {
        if (set->sketch[i] == 0)
            continue;
        if (is_fresh(set->sketch[i], bucket))
            n++;
        else
            set->sketch[i] = 0;
    }
    if (n == 0)
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
    uint32_t passed = bucket - set->bucket;

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
    set->sketch[keyed_hash(&port, sizeof(port)) % PORT_SKETCH_BYTES] = stamp;
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
    uint8_t stamp = stamp_of(bucket);

    advance(set, bucket, budget);
    if (!set->sketch) {
        if (exact_add(set, port, stamp))
            return;
        turn_into_sketch(set, budget);
    }
    if (set->sketch)
        sketch_add(set, port, stamp);
}

static uint32_t sketch_estimate(const uint8_t *sketch, uint32_t bucket)
{
    uint32_t empty = PORT_SKETCH_BYTES - sketch_fresh_cells(sketch, bucket);
    double estimate;

    if (empty == 0)
        return 65536;
    estimate = -(double)PORT_SKETCH_BYTES * log((double)empty / PORT_SKETCH_BYTES);
    return estimate > 65536 ? 65536 : (uint32_t)(estimate + 0.5);
}

uint32_t port_set_count(const PortSet *set, uint32_t bucket)
{
    uint32_t n = 0;

    if (bucket - set->bucket >= PORT_SET_BUCKETS)
        return 0;
    if (set->sketch)
        return sketch_estimate(set->sketch, bucket);
    for (uint8_t i = 0; i < set->count; i++)
        n += is_fresh(set->stamps[i], bucket);
    return n;
}
