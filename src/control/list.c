/* SPDX-License-Identifier: MIT */
/* A table by prefix (which also keeps the order of addition), a heap by deadline, and a count of
 * the entries of each prefix length. list_match() asks the table once for each length in use, so it
 * costs a few lookups however many entries there are. */

#include "control/expiry-heap.h"
#include "control/list-table.h"

#include <errno.h>
#include <stdlib.h>

struct List {
    ListId id;
    ListTable table;
    ListShelf *shelf;
    ExpiryHeap expiry;
    size_t of_bits[129]; /* entries of each prefix length */
};

int list_new(ListId id, size_t capacity, List **ret)
{
    _cleanup_(list_freep) List *list = calloc(1, sizeof(*list));
    int r;

    if (!list)
        return -ENOMEM;
    list->id = id;
    list->shelf = calloc(1, sizeof(*list->shelf));
    r = list->shelf ? list_table_init(&list->table, capacity) : -ENOMEM;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(list);
    return 0;
}

/* The list's reference goes to *ret, or is dropped. */
static void let_go(List *list, ListEntry *entry, ListEntry **ret)
{
    list_shelf_keep(list->shelf, entry);
    if (ret)
        *ret = entry;
    else
        list_entry_unref(entry);
}

List *list_free(List *list)
{
    ListEntry *entry, *next;

    if (!list)
        return NULL;
    for (entry = list_first(list); entry; entry = next) {
        next = list_next(list, entry);
        let_go(list, entry, NULL);
    }
    list_table_done(&list->table);
    list_shelf_leave(list->shelf);
    expiry_heap_done(&list->expiry);
    free(list);
    return NULL;
}

ListId list_id(const List *list)
{
    return list->id;
}

size_t list_count(const List *list)
{
    return list->table.count;
}

size_t list_capacity(const List *list)
{
    return list->table.capacity;
}

ListOrder *list_order(const List *list)
{
    return list->table.order;
}

ListShelf *list_shelf(const List *list)
{
    return list->shelf;
}

/* --- changes */

int list_add(List *list, ListEntry *entry)
{
    int r = expiry_heap_reserve(&list->expiry);

    if (r >= 0)
        r = list_table_add(&list->table, entry);
    if (r < 0)
        return r;
    list_entry_ref(entry);
    expiry_heap_push(&list->expiry, entry);
    list->of_bits[entry->prefix.bits]++;
    return 0;
}

int list_replace(List *list, ListEntry *entry, ListEntry **ret)
{
    ListEntry *old = list_get(list, &entry->prefix);
    int r;

    if (!old)
        return -ENOENT;
    r = expiry_heap_reserve(&list->expiry);
    if (r >= 0)
        r = list_table_replace(&list->table, old, entry);
    if (r < 0)
        return r;
    list_entry_ref(entry);
    expiry_heap_remove(&list->expiry, old);
    expiry_heap_push(&list->expiry, entry);
    let_go(list, old, ret);
    return 0;
}

int list_remove(List *list, const Prefix *prefix, ListEntry **ret)
{
    ListEntry *entry = list_get(list, prefix);
    int r = entry ? list_table_remove(&list->table, entry) : -ENOENT;

    if (r < 0)
        return r;
    expiry_heap_remove(&list->expiry, entry);
    list->of_bits[entry->prefix.bits]--;
    let_go(list, entry, ret);
    return 0;
}

/* --- reading */

ListEntry *list_get(const List *list, const Prefix *prefix)
{
    return list_table_find(&list->table, prefix);
}

size_t list_covering(const List *list, const Prefix *prefix, ListEntry **entries, size_t max)
{
    /* A prefix shorter than 96 bits is one of IPv6 and never contains an IPv4 address. */
    int shortest = prefix->bits >= 96 && address_is_ipv4(&prefix->address) ? 96 : 0;
    size_t n = 0;

    for (int bits = prefix->bits; bits >= shortest && n < max; bits--) {
        Prefix shorter;
        ListEntry *entry;

        if (list->of_bits[bits] == 0)
            continue;
        shorter = prefix_of(&prefix->address, (uint8_t)bits);
        entry = list_get(list, &shorter);
        if (entry)
            entries[n++] = entry;
    }
    return n;
}

ListEntry *list_match(const List *list, const Address *address)
{
    Prefix prefix = prefix_from_address(address);
    ListEntry *entry = NULL;

    (void)list_covering(list, &prefix, &entry, 1);
    return entry;
}

ListEntry *list_first(const List *list)
{
    return list->table.order ? list_table_next(&list->table, 0) : NULL;
}

ListEntry *list_next(const List *list, const ListEntry *entry)
{
    return list_table_next(&list->table, entry->place.position + 1UL);
}

void list_copy(const List *list, ListEntry **entries)
{
    const ListOrder *order = list->table.order;
    size_t n = 0;

    for (size_t i = 0; i < order->used; i++)
        if (order->entries[i])
            entries[n++] = order->entries[i];
}

ListEntry *list_next_to_expire(const List *list)
{
    return list->expiry.count > 0 ? list->expiry.entries[0] : NULL;
}

size_t list_expired(const List *list, uint64_t now_boottime_ns, ListEntry **entries, size_t max)
{
    return expiry_heap_due(&list->expiry, now_boottime_ns, entries, max);
}
