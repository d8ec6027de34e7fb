/* SPDX-License-Identifier: MIT */
#pragma once

/* The first `max` of any number of things in some order, without sorting all of them: a heap with
 * the last of the chosen on top, in the caller's own array. */

#include <stddef.h>

/* Negative: `a` comes first. As for qsort_r(3). */
typedef int (*TopCompareFn)(const void *a, const void *b, void *userdata);

typedef struct Top {
    void *items; /* borrowed, room for `max` */
    size_t item_bytes;
    size_t max;
    TopCompareFn compare;
    void *userdata;
    size_t count;
} Top;

/* Copies `item` unless it comes behind `max` others. */
void top_offer(Top *top, const void *item);
/* After the last offer: puts `items` in order. */
void top_sort(Top *top);
