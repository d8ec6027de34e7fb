/* SPDX-License-Identifier: MIT */
/* A hash table of positions in the order, with open addressing. It has twice as many places as the
 * order has room, so it is never more than half full, and searching it ends at an empty place.
 * Order and table are made anew together: when the order is used up to its end, or is mostly gaps.
 * That is rare enough to cost each change next to nothing.
 *
 * The hash is keyed with a random number of this process: who fills the list from outside can't
 * choose prefixes that collide. */

#include "control/list-table.h"

#include "flow/keyed-hash.h"

#include <errno.h>
#include <stdlib.h>

#define ORDER_MIN 64

_Static_assert(sizeof(Prefix) == 17, "a Prefix is hashed byte by byte and must have no padding");

static uint32_t hash_of(const Prefix *prefix)
{
    return (uint32_t)keyed_hash(prefix, sizeof(*prefix));
}

/* --- places */

static ListEntry *entry_at(const ListTable *table, size_t place)
{
    return table->order->entries[table->places[place] - 1];
}

/* The entry's place, or the empty one where it would be put. */
static size_t search(const ListTable *table, const Prefix *prefix, uint32_t hash)
{
    size_t place = hash & table->mask;

    for (; table->places[place]; place = (place + 1) & table->mask) {
        const ListEntry *entry = entry_at(table, place);

        if (entry->place.hash == hash && prefix_equal(&entry->prefix, prefix))
            break;
    }
    return place;
}

/* Whoever stands behind the hole moves into it, unless he would then be in front of where searching
 * for him begins. */
static void empty_place(ListTable *table, size_t hole)
{
    size_t mask = table->mask;

    for (size_t i = (hole + 1) & mask; table->places[i]; i = (i + 1) & mask) {
        size_t begin = entry_at(table, i)->place.hash & mask;

        if (((i - begin) & mask) < ((i - hole) & mask))
            continue;
        table->places[hole] = table->places[i];
        hole = i;
    }
    table->places[hole] = 0;
}

static void append(ListTable *table, ListEntry *entry, size_t place)
{
    ListOrder *order = table->order;

    entry->place.position = order->used;
    order->entries[order->used++] = entry;
    table->places[place] = order->used;
}

/* --- both anew */

/* For an entry that is known not to be there: nobody on the way need be looked at. */
static size_t first_empty(const ListTable *table, uint32_t hash)
{
    size_t place = hash & table->mask;

    while (table->places[place])
        place = (place + 1) & table->mask;
    return place;
}

/* Without gaps, and with room for as many again. */
static int renew(ListTable *table)
{
    ListOrder *old = table->order, *order;
    size_t room = ORDER_MIN;
    uint32_t *places;

    while (room < 2 * table->count)
        room *= 2;
    order = list_order_new(room);
    places = calloc(2 * room, sizeof(*places));
    if (!order || !places) {
        list_order_unref(order);
        free(places);
        return -ENOMEM;
    }
    free(table->places);
    table->places = places;
    table->mask = 2 * room - 1;
    table->order = order;
    for (size_t i = 0; old && i < old->used; i++) {
        ListEntry *entry = old->entries[i];

        if (entry)
            append(table, entry, first_empty(table, entry->place.hash));
    }
    list_order_unref(old);
    return 0;
}

static bool is_mostly_gaps(const ListTable *table)
{
    return table->order->used > ORDER_MIN && table->count < table->order->used / 4;
}

/* Snapshots must not see a change of what lies before the end. */
static int own_order(ListTable *table)
{
    ListOrder *copy;

    if (!list_order_is_shared(table->order))
        return 0;
    copy = list_order_copy(table->order);
    if (!copy)
        return -ENOMEM;
    list_order_unref(table->order);
    table->order = copy;
    return 0;
}

/* --- the table */

int list_table_init(ListTable *table, size_t capacity)
{
    *table = (ListTable){.capacity = capacity};
    return renew(table);
}

void list_table_done(ListTable *table)
{
    list_order_unref(table->order);
    free(table->places);
    *table = (ListTable){};
}

ListEntry *list_table_find(const ListTable *table, const Prefix *prefix)
{
    size_t place = search(table, prefix, hash_of(prefix));

    return table->places[place] ? entry_at(table, place) : NULL;
}

int list_table_add(ListTable *table, ListEntry *entry)
{
    uint32_t hash = hash_of(&entry->prefix);
    size_t place = search(table, &entry->prefix, hash);

    if (table->places[place])
        return -EEXIST;
    if (table->count >= table->capacity)
        return -ENOSPC;
    if (table->order->used == table->order->allocated) {
        if (renew(table) < 0)
            return -ENOMEM;
        place = first_empty(table, hash);
    }
    entry->place.hash = hash;
    append(table, entry, place);
    table->count++;
    return 0;
}

int list_table_replace(ListTable *table, ListEntry *old, ListEntry *entry)
{
    int r = own_order(table);

    if (r < 0)
        return r;
    entry->place.hash = old->place.hash;
    entry->place.position = old->place.position;
    table->order->entries[entry->place.position] = entry;
    return 0;
}

int list_table_remove(ListTable *table, ListEntry *entry)
{
    int r = own_order(table);

    if (r < 0)
        return r;
    empty_place(table, search(table, &entry->prefix, entry->place.hash));
    table->order->entries[entry->place.position] = NULL;
    table->count--;
    if (is_mostly_gaps(table))
        (void)renew(table); /* without memory the gaps stay */
    return 0;
}

ListEntry *list_table_next(const ListTable *table, size_t position)
{
    const ListOrder *order = table->order;

    while (position < order->used && !order->entries[position])
        position++;
    return position < order->used ? order->entries[position] : NULL;
}
