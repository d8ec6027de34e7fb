/* SPDX-License-Identifier: MIT */
#pragma once

/* The first `max` of any number of talkers, in the caller's own array: a heap with the last of them
 * on top while they are offered, sorted at the end. Private to stats.c. */

#include "stats/stats.h"

#include <stdbool.h>

typedef struct TalkerHeap {
    Talker *items; /* borrowed, room for `max` */
    size_t count;
    size_t max;
    TalkerOrder order;
} TalkerHeap;

void talker_heap_offer(TalkerHeap *heap, const Talker *talker);
void talker_heap_sort(TalkerHeap *heap);
