/* SPDX-License-Identifier: MIT */
#include "control/list-order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the order */

ListOrder *list_order_new(size_t allocated)
{
    ListOrder *order = malloc(sizeof(*order) + allocated * sizeof(ListEntry *));

    if (!order)
        return NULL;
    *order = (ListOrder){.n_ref = 1, .allocated = (uint32_t)allocated};
    return order;
}

ListOrder *list_order_copy(const ListOrder *order)
{
    ListOrder *copy = list_order_new(order->allocated);

    if (!copy)
        return NULL;
    copy->used = order->used;
    memcpy(copy->entries, order->entries, order->used * sizeof(ListEntry *));
    return copy;
}

ListOrder *list_order_ref(ListOrder *order)
{
    order->n_ref++;
    return order;
}

ListOrder *list_order_unref(ListOrder *order)
{
    if (order && --order->n_ref == 0)
        free(order);
    return NULL;
}

/* --- the shelf */

/* An entry may come back to the list and leave it once more while it lies here. */
void list_shelf_keep(ListShelf *shelf, ListEntry *entry)
{
    if (shelf->n_snapshots == 0 || entry->place.on_shelf)
        return;
    entry->place.on_shelf = true;
    entry->place.next_on_shelf = shelf->entries;
    shelf->entries = list_entry_ref(entry);
}

static void clear(ListShelf *shelf)
{
    for (ListEntry *entry = shelf->entries, *next; entry; entry = next) {
        next = entry->place.next_on_shelf;
        entry->place.on_shelf = false;
        list_entry_unref(entry);
    }
    shelf->entries = NULL;
}

void list_shelf_leave(ListShelf *shelf)
{
    if (!shelf)
        return;
    shelf->list_gone = true;
    if (shelf->n_snapshots == 0)
        free(shelf);
}

static void shelf_unref(ListShelf *shelf)
{
    if (--shelf->n_snapshots > 0)
        return;
    clear(shelf);
    if (shelf->list_gone)
        free(shelf);
}

/* --- snapshots */

typedef struct Picture {
    ListOrder *order; /* a reference */
    ListShelf *shelf; /* counted as a snapshot of it */
    size_t end;
} Picture;

struct ListSnapshot {
    Picture pictures[_LIST_MAX];
};

int list_snapshot_new(List *const lists[static _LIST_MAX], ListSnapshot **ret)
{
    ListSnapshot *snapshot = calloc(1, sizeof(*snapshot));

    if (!snapshot)
        return -ENOMEM;
    for (int id = 0; id < _LIST_MAX; id++) {
        Picture *picture = &snapshot->pictures[id];

        picture->order = list_order_ref(list_order(lists[id]));
        picture->shelf = list_shelf(lists[id]);
        picture->shelf->n_snapshots++;
        picture->end = picture->order->used;
    }
    *ret = snapshot;
    return 0;
}

ListSnapshot *list_snapshot_free(ListSnapshot *snapshot)
{
    if (!snapshot)
        return NULL;
    for (int id = 0; id < _LIST_MAX; id++) {
        list_order_unref(snapshot->pictures[id].order);
        shelf_unref(snapshot->pictures[id].shelf);
    }
    free(snapshot);
    return NULL;
}

const ListEntry *list_snapshot_next(const ListSnapshot *snapshot, ListId list, size_t *position)
{
    const Picture *picture = &snapshot->pictures[list];

    while (*position < picture->end) {
        const ListEntry *entry = picture->order->entries[(*position)++];

        if (entry && !entry->from_feed)
            return entry;
    }
    return NULL;
}
