/* SPDX-License-Identifier: MIT */
#include "control/expiry-heap.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t deadline(const ListNode *node)
{
    return node->entry->expires_boottime_ns;
}

static void place(ExpiryHeap *heap, size_t index, ListNode *node)
{
    heap->nodes[index] = node;
    node->heap_index = index;
}

static size_t sift_up(ExpiryHeap *heap, size_t index, ListNode *node)
{
    while (index > 0 && deadline(heap->nodes[(index - 1) / 2]) > deadline(node)) {
        place(heap, index, heap->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(heap, index, node);
    return index;
}

static void sift_down(ExpiryHeap *heap, size_t index, ListNode *node)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < heap->count &&
                deadline(heap->nodes[child + 1]) < deadline(heap->nodes[child]))
            child++;
        if (child >= heap->count || deadline(heap->nodes[child]) >= deadline(node))
            break;
        place(heap, index, heap->nodes[child]);
        index = child;
    }
    place(heap, index, node);
}

int expiry_heap_reserve(ExpiryHeap *heap)
{
    size_t wanted = heap->allocated ? heap->allocated * 2 : 64;
    ListNode **nodes;

    if (heap->count < heap->allocated)
        return 0;
    nodes = reallocarray(heap->nodes, wanted, sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    heap->nodes = nodes;
    heap->allocated = wanted;
    return 0;
}

void expiry_heap_push(ExpiryHeap *heap, ListNode *node)
{
    node->heap_index = HEAP_NOWHERE;
    if (node->entry->expires_boottime_ns != 0)
        (void)sift_up(heap, heap->count++, node);
}

void expiry_heap_remove(ExpiryHeap *heap, ListNode *node)
{
    size_t hole = node->heap_index;
    ListNode *last;

    if (hole == HEAP_NOWHERE)
        return;
    node->heap_index = HEAP_NOWHERE;
    last = heap->nodes[--heap->count];
    if (last != node)
        sift_down(heap, sift_up(heap, hole, last), last);
}

void expiry_heap_done(ExpiryHeap *heap)
{
    free(heap->nodes);
    *heap = (ExpiryHeap){};
}
