/* SPDX-License-Identifier: MIT */
#pragma once

/* Every order in which things can happen, a run each. Wherever one of several things may happen
 * next, the run asks which; the next run answers differently at the last place where another answer
 * is left. Runs must be deterministic but for the answers.
 *
 *     while (interleave_next(orders)) {
 *         ... interleave_choose(orders, n, state) ...
 *     }
 *
 * What follows depends on nothing but the state: where a run gets to one that was met before, its
 * ways on have been taken already, and it is only led to an end. */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Interleave Interleave;

Interleave *interleave_new(void);
Interleave *interleave_free(Interleave *orders);
DEFINE_CLEANUP(Interleave *, interleave_free);

/* False: all were made. */
bool interleave_next(Interleave *orders);
/* 0 .. n-1. `state` tells apart all that can still make a difference. 0 must lead to an end. */
unsigned interleave_choose(Interleave *orders, unsigned n, uint64_t state);

uint64_t interleave_runs(const Interleave *orders);
uint64_t interleave_states(const Interleave *orders);
