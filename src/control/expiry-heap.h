/* SPDX-License-Identifier: MIT */
#pragma once

/* A binary heap of list entries by deadline, so that the entry that expires first is known at once
 * and adding or removing one costs a few comparisons. Each entry knows its place in the heap.
 * Private to the list, which holds the references. */

#include "control/list.h"

typedef struct ExpiryHeap {
    ListEntry **entries;
    size_t count;
    size_t allocated;
} ExpiryHeap;

/* Makes room for one more entry. -ENOMEM; the next push can't fail. */
int expiry_heap_reserve(ExpiryHeap *heap);
/* An entry that never expires is only marked as being nowhere. */
void expiry_heap_push(ExpiryHeap *heap, ListEntry *entry);
void expiry_heap_remove(ExpiryHeap *heap, ListEntry *entry);
/* Those whose deadline is not after `now_ns`, in no order. Returns how many of them were put into
 * `due`, `max` at most. */
size_t expiry_heap_due(const ExpiryHeap *heap, uint64_t now_ns, ListEntry **due, size_t max);
void expiry_heap_done(ExpiryHeap *heap);
