/* SPDX-License-Identifier: MIT */
#pragma once

/* The entries of a list by prefix, and in the order they were added. Private to the list, which
 * holds the references and has an entry stand in one table at most. */

#include "control/list-order.h"

typedef struct ListTable {
    size_t count;
    size_t capacity;
    ListOrder *order;
    uint32_t *places; /* positions in the order, counted from 1; 0 = empty */
    size_t mask;
} ListTable;

int list_table_init(ListTable *table, size_t capacity);
void list_table_done(ListTable *table); /* fine after a failed init */

ListEntry *list_table_find(const ListTable *table, const Prefix *prefix);
/* -EEXIST, -ENOSPC (at capacity), -ENOMEM; nothing changed then. */
int list_table_add(ListTable *table, ListEntry *entry);
/* Two entries of one prefix, `old` in the table. -ENOMEM, only while the order is shared. */
int list_table_replace(ListTable *table, ListEntry *old, ListEntry *entry);
int list_table_remove(ListTable *table, ListEntry *entry); /* the same */

/* The first entry at `position` or behind it; NULL. */
ListEntry *list_table_next(const ListTable *table, size_t position);
