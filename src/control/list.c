/* SPDX-License-Identifier: MIT */
/* A hash table by prefix (which also keeps the order of addition), a heap by deadline, and a count
 * of the entries of each prefix length. list_match() asks the table once for each length in use, so
 * it costs a few lookups however many entries there are.
 *
 * The hash is keyed with a random number of this process: who fills the list from outside can't
 * choose prefixes that collide. */

#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t hash_seed;

#define HASH_NONFATAL_OOM          1
#define HASH_FUNCTION(key, len, h) ((h) = (unsigned)XXH3_64bits_withSeed(key, len, hash_seed))

#include "control/expiry-heap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static_assert(sizeof(Prefix) == 17, "a Prefix is hashed byte by byte and must have no padding");

struct List {
    ListId id;
    size_t capacity;
    ListNode *nodes; /* uthash's head */
    ExpiryHeap expiry;
    size_t of_bits[129]; /* entries of each prefix length */
};

static int seed_hash(void)
{
    uint64_t seed = 0;

    while (hash_seed == 0) {
        if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
            return -EIO;
        hash_seed = seed;
    }
    return 0;
}

int list_new(ListId id, size_t capacity, List **ret)
{
    List *list;
    int r = seed_hash();

    if (r < 0)
        return r;
    list = calloc(1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    list->id = id;
    list->capacity = capacity;
    *ret = list;
    return 0;
}

List *list_free(List *list)
{
    ListNode *node, *next;

    if (!list)
        return NULL;
    HASH_ITER(hh, list->nodes, node, next) {
        HASH_DELETE(hh, list->nodes, node);
        list_entry_unref(node->entry);
        free(node);
    }
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
    return HASH_COUNT(list->nodes);
}

size_t list_capacity(const List *list)
{
    return list->capacity;
}

static ListNode *find(const List *list, const Prefix *prefix)
{
    ListNode *node;

    HASH_FIND(hh, list->nodes, prefix, sizeof(*prefix), node);
    return node;
}

static int insert(List *list, ListEntry *entry)
{
    ListNode *node = calloc(1, sizeof(*node));

    if (!node)
        return -ENOMEM;
    node->entry = entry;
    HASH_ADD_KEYPTR(hh, list->nodes, &entry->prefix, sizeof(entry->prefix), node);
    if (!node->hh.tbl) { /* uthash found no memory, and left the table as it was */
        free(node);
        return -ENOMEM;
    }
    list_entry_ref(entry);
    expiry_heap_push(&list->expiry, node);
    list->of_bits[entry->prefix.bits]++;
    return 0;
}

int list_add(List *list, ListEntry *entry)
{
    int r;

    if (find(list, &entry->prefix))
        return -EEXIST;
    if (list_count(list) >= list->capacity)
        return -ENOSPC;
    r = expiry_heap_reserve(&list->expiry);
    return r < 0 ? r : insert(list, entry);
}

int list_replace(List *list, ListEntry *entry, ListEntry **ret)
{
    ListNode *node = find(list, &entry->prefix);
    ListEntry *old;
    int r;

    if (!node)
        return -ENOENT;
    r = expiry_heap_reserve(&list->expiry);
    if (r < 0)
        return r;
    old = node->entry;
    expiry_heap_remove(&list->expiry, node);
    node->entry = list_entry_ref(entry);
    node->hh.key = &entry->prefix; /* the same bytes, but they live as long as the new entry */
    expiry_heap_push(&list->expiry, node);
    if (ret)
        *ret = old;
    else
        list_entry_unref(old);
    return 0;
}

int list_remove(List *list, const Prefix *prefix, ListEntry **ret)
{
    ListNode *node = find(list, prefix);

    if (!node)
        return -ENOENT;
    list->of_bits[prefix->bits]--;
    HASH_DELETE(hh, list->nodes, node);
    expiry_heap_remove(&list->expiry, node);
    if (ret)
        *ret = node->entry;
    else
        list_entry_unref(node->entry);
    free(node);
    return 0;
}

ListEntry *list_get(const List *list, const Prefix *prefix)
{
    ListNode *node = find(list, prefix);

    return node ? node->entry : NULL;
}

size_t list_covering(const List *list, const Prefix *prefix, ListEntry **entries, size_t max)
{
    /* A prefix shorter than 96 bits is one of IPv6 and never contains an IPv4 address. */
    int shortest = prefix->bits >= 96 && address_is_ipv4(&prefix->address) ? 96 : 0;
    size_t n = 0;

    for (int bits = prefix->bits; bits >= shortest && n < max; bits--) {
        Prefix shorter;
        ListNode *node;

        if (list->of_bits[bits] == 0)
            continue;
        shorter = prefix_of(&prefix->address, (uint8_t)bits);
        node = find(list, &shorter);
        if (node)
            entries[n++] = node->entry;
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
    return list->nodes ? list->nodes->entry : NULL;
}

ListEntry *list_next(const List *list, const ListEntry *entry)
{
    ListNode *node = find(list, &entry->prefix), *next = node ? node->hh.next : NULL;

    return next ? next->entry : NULL;
}

void list_copy(const List *list, ListEntry **entries)
{
    size_t i = 0;

    for (const ListNode *node = list->nodes; node; node = node->hh.next)
        entries[i++] = node->entry;
}

ListEntry *list_next_to_expire(const List *list)
{
    return list->expiry.count > 0 ? list->expiry.nodes[0]->entry : NULL;
}
