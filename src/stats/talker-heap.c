/* SPDX-License-Identifier: MIT */
#include "stats/talker-heap.h"

static uint64_t weight(const Talker *talker, TalkerOrder order)
{
    switch (order) {
    case TALKER_BY_BYTES:
        return talker->bytes;
    case TALKER_BY_PORTS:
        return talker->unique_dst_ports;
    case TALKER_BY_SYN:
        return talker->syn_count;
    case TALKER_BY_DROPPED:
        return talker->dropped_packets;
    default:
        return talker->packets;
    }
}

/* Negative: `a` comes first. Addresses differ, so this is never 0 for two. */
static int compare(const Talker *a, const Talker *b, TalkerOrder order)
{
    uint64_t x = weight(a, order), y = weight(b, order);

    if (x != y)
        return x > y ? -1 : 1;
    return address_compare(&a->address, &b->address);
}

static void swap(Talker *a, Talker *b)
{
    Talker t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(TalkerHeap *heap, size_t i)
{
    Talker *t = heap->items;

    for (; i > 0 && compare(&t[i], &t[(i - 1) / 2], heap->order) > 0; i = (i - 1) / 2)
        swap(&t[i], &t[(i - 1) / 2]);
}

static void sift_down(TalkerHeap *heap, size_t i)
{
    Talker *t = heap->items;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= heap->count)
            return;
        if (child + 1 < heap->count && compare(&t[child + 1], &t[child], heap->order) > 0)
            child++;
        if (compare(&t[child], &t[i], heap->order) <= 0)
            return;
        swap(&t[i], &t[child]);
        i = child;
    }
}

void talker_heap_offer(TalkerHeap *heap, const Talker *talker)
{
    if (heap->count < heap->max) {
        heap->items[heap->count] = *talker;
        sift_up(heap, heap->count++);
    } else if (heap->max > 0 && compare(talker, &heap->items[0], heap->order) < 0) {
        heap->items[0] = *talker;
        sift_down(heap, 0);
    }
}

static int compare_for_sort(const void *a, const void *b, void *order)
{
    return compare(a, b, *(const TalkerOrder *)order);
}

void talker_heap_sort(TalkerHeap *heap)
{
    qsort_r(heap->items, heap->count, sizeof(*heap->items), compare_for_sort, &heap->order);
}
