/* SPDX-License-Identifier: MIT */
#include "control/expiry-heap.h"

#include <errno.h>
#include <stdlib.h>

#define NOWHERE UINT32_MAX /* the entry never expires */

static uint64_t deadline(const ListEntry *entry)
{
    return entry->expires_boottime_ns;
}

static void place(ExpiryHeap *heap, size_t index, ListEntry *entry)
{
    heap->entries[index] = entry;
    entry->place.heap_index = (uint32_t)index;
}

static size_t sift_up(ExpiryHeap *heap, size_t index, ListEntry *entry)
{
    while (index > 0 && deadline(heap->entries[(index - 1) / 2]) > deadline(entry)) {
        place(heap, index, heap->entries[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(heap, index, entry);
    return index;
}

static void sift_down(ExpiryHeap *heap, size_t index, ListEntry *entry)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < heap->count &&
                deadline(heap->entries[child + 1]) < deadline(heap->entries[child]))
            child++;
        if (child >= heap->count || deadline(heap->entries[child]) >= deadline(entry))
            break;
        place(heap, index, heap->entries[child]);
        index = child;
    }
    place(heap, index, entry);
}

int expiry_heap_reserve(ExpiryHeap *heap)
{
    size_t wanted = heap->allocated ? heap->allocated * 2 : 64;
    ListEntry **entries;

    if (heap->count < heap->allocated)
        return 0;
    entries = reallocarray(heap->entries, wanted, sizeof(ListEntry *));
    if (!entries)
        return -ENOMEM;
    heap->entries = entries;
    heap->allocated = wanted;
    return 0;
}

void expiry_heap_push(ExpiryHeap *heap, ListEntry *entry)
{
    entry->place.heap_index = NOWHERE;
    if (entry->expires_boottime_ns != 0)
        (void)sift_up(heap, heap->count++, entry);
}

void expiry_heap_remove(ExpiryHeap *heap, ListEntry *entry)
{
    size_t hole = entry->place.heap_index;
    ListEntry *last;

    if (hole == NOWHERE)
        return;
    entry->place.heap_index = NOWHERE;
    last = heap->entries[--heap->count];
    if (last != entry)
        sift_down(heap, sift_up(heap, hole, last), last);
}

/* A child is due only if its parent is: `due` is also the queue of those whose children are still
 * to be looked at. */
size_t expiry_heap_due(const ExpiryHeap *heap, uint64_t now_ns, ListEntry **due, size_t max)
{
    size_t n = 0;

    if (max > 0 && heap->count > 0 && deadline(heap->entries[0]) <= now_ns)
        due[n++] = heap->entries[0];
    for (size_t i = 0; i < n; i++) {
        size_t left = 2 * (size_t)due[i]->place.heap_index + 1;

        for (size_t child = left; child <= left + 1 && child < heap->count && n < max; child++)
            if (deadline(heap->entries[child]) <= now_ns)
                due[n++] = heap->entries[child];
    }
    return n;
}

void expiry_heap_done(ExpiryHeap *heap)
{
    free(heap->entries);
    *heap = (ExpiryHeap){};
}
