/* SPDX-License-Identifier: MIT */
#pragma once

/* What a list shares with its snapshots, so that a snapshot costs next to nothing however long the
 * list is. Private to the list.
 *
 * The order is an array of entries that grows at its end alone, with gaps where entries were taken
 * off. A snapshot holds the array and how far it reached then. Adding an entry goes on in the same
 * array, behind what any snapshot sees; whoever changes what lies before the end of a shared array
 * makes a copy first, and leaves this one to the snapshots.
 *
 * The array holds no references: the list has one for each entry. What it drops while a snapshot is
 * there goes on the shelf, until the last snapshot is gone. */

#include "control/list.h"

typedef struct ListOrder {
    unsigned n_ref;
    uint32_t used; /* the list's own: a snapshot remembers its end by itself */
    uint32_t allocated;
    ListEntry *entries[]; /* NULL: a gap */
} ListOrder;

ListOrder *list_order_new(size_t allocated); /* NULL: out of memory */
ListOrder *list_order_copy(const ListOrder *order);
ListOrder *list_order_ref(ListOrder *order);
ListOrder *list_order_unref(ListOrder *order);

static inline bool list_order_is_shared(const ListOrder *order)
{
    return order->n_ref > 1;
}

typedef struct ListShelf {
    unsigned n_snapshots;
    bool list_gone;
    ListEntry *entries; /* a reference to each; chained by place.next_on_shelf */
} ListShelf;

/* Puts the entry on the shelf if a snapshot may show it. The caller's reference stays his. */
void list_shelf_keep(ListShelf *shelf, ListEntry *entry);
/* The list is gone: the shelf goes now, or with the last snapshot. */
void list_shelf_leave(ListShelf *shelf);

/* list.c, for snapshots. */
ListOrder *list_order(const List *list);
ListShelf *list_shelf(const List *list);
