/* SPDX-License-Identifier: MIT */
#pragma once

/* A binary heap of list nodes by deadline, so that the entry that expires first is known at once
 * and adding or removing one costs a few comparisons. Each node knows its place in the heap.
 * Private to the list. */

#include "control/list.h"

#include <uthash.h>

#define HEAP_NOWHERE SIZE_MAX /* the node's entry never expires */

typedef struct ListNode {
    ListEntry *entry; /* one reference */
    size_t heap_index;
    UT_hash_handle hh; /* keyed by entry->prefix; also keeps the order of addition */
} ListNode;

typedef struct ExpiryHeap {
    ListNode **nodes;
    size_t count;
    size_t allocated;
} ExpiryHeap;

/* Makes room for one more node. -ENOMEM; the next push can't fail. */
int expiry_heap_reserve(ExpiryHeap *heap);
/* A node whose entry never expires is only marked as being nowhere. */
void expiry_heap_push(ExpiryHeap *heap, ListNode *node);
void expiry_heap_remove(ExpiryHeap *heap, ListNode *node);
void expiry_heap_done(ExpiryHeap *heap);
