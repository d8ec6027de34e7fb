/* SPDX-License-Identifier: MIT */
#pragma once

/* How many distinct ports were seen in the last PORT_SET_BUCKETS buckets of time. Exact up to
 * PORT_SET_EXACT ports; one more turns it into a sketch by linear counting (Whang, Vander-Zanden,
 * Taylor 1990) whose cells bear the time they were hit last, so that it slides as the exact set
 * does. Its standard error is below 1.5 % for any number of ports there can be.
 *
 * A sketch costs PORT_SKETCH_BYTES; how many there may be is the caller's budget. Without one left
 * the set says PORT_SET_EXACT, a lower bound. */

#include <stdbool.h>
#include <stdint.h>

#define PORT_SET_BUCKETS  12U
#define PORT_SET_EXACT    64U
#define PORT_SKETCH_BYTES 16384U

typedef struct PortSet {
    uint8_t *sketch; /* owned; a stamp a cell, 0 = never hit */
    uint32_t bucket; /* as of which nothing outdated is held */
    uint16_t cells;  /* of the sketch that are hit */
    uint8_t count;   /* of `ports` */
    uint8_t stamps[PORT_SET_EXACT];
    uint16_t ports[PORT_SET_EXACT];
} PortSet;

/* Takes a sketch from *budget, or gives one back. If `bucket` goes back it stands still. */
void port_set_add(PortSet *set, uint16_t port, uint32_t bucket, uint32_t *budget);
/* Forgets what is outdated. Returns the bucket before which nothing else will be. */
uint32_t port_set_forget(PortSet *set, uint32_t bucket, uint32_t *budget);
/* At once for the bucket of the last call of those above. */
uint32_t port_set_count(const PortSet *set, uint32_t bucket);
void port_set_clear(PortSet *set, uint32_t *budget);
