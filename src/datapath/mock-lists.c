/* SPDX-License-Identifier: MIT */
#include "datapath/mock-internal.h"

_Static_assert(sizeof(Prefix) == 17, "a hash key without padding");

static MockEntry *find(const MockList *list, const Prefix *prefix)
{
    MockEntry *entry;

    HASH_FIND(hh, list->entries, prefix, sizeof(*prefix), entry);
    return entry;
}

uint32_t mock_list_lookup(const MockList *list, const Address *address)
{
    int shortest = address_is_ipv4(address) ? 96 : 0;

    for (int bits = 128; bits >= shortest; bits--) {
        Prefix prefix;
        const MockEntry *entry;

        if (list->by_bits[bits] == 0)
            continue;
        prefix = prefix_of(address, (uint8_t)bits);
        entry = find(list, &prefix);
        if (entry)
            return entry->slot;
    }
    return SLOT_NONE;
}

static int list_add(Mock *mock, MockList *list, const Prefix *prefix, uint32_t slot)
{
    MockEntry *entry;

    if (slot == SLOT_NONE || slot >= mock_slots(&mock->base))
        return -EINVAL;
    if (find(list, prefix))
        return -EEXIST;
    if (HASH_COUNT(list->entries) >= mock->limits.list_capacity)
        return -ENOSPC;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return -ENOMEM;
    entry->prefix = *prefix;
    entry->slot = slot;
    HASH_ADD(hh, list->entries, prefix, sizeof(Prefix), entry);
    if (!hash_added(entry)) {
        free(entry);
        return -ENOMEM;
    }
    list->by_bits[prefix->bits]++;
    return 0;
}

static void drop_entry(MockList *list, MockEntry *entry)
{
    list->by_bits[entry->prefix.bits]--;
    HASH_DEL(list->entries, entry);
    free(entry);
}

static int list_remove(MockList *list, const Prefix *prefix)
{
    MockEntry *entry = find(list, prefix);

    if (!entry)
        return -ENOENT;
    drop_entry(list, entry);
    return 0;
}

void mock_list_clear(MockList *list)
{
    MockEntry *entry, *next;

    HASH_ITER(hh, list->entries, entry, next) {
        drop_entry(list, entry);
    }
}

static int apply(Mock *mock, const ListChange *change, bool add)
{
    MockList *list = &mock->lists[change->list];

    return add ? list_add(mock, list, &change->prefix, change->slot)
               : list_remove(list, &change->prefix);
}

/* Undoing goes backwards, so that a batch may touch one prefix twice. */
int mock_apply_lists(Datapath *datapath, const ListChange *changes, size_t n)
{
    Mock *mock = (Mock *)datapath;
    size_t done;
    int r = 0;

    for (done = 0; done < n; done++) {
        r = apply(mock, &changes[done], changes[done].add);
        if (r < 0)
            break;
    }
    if (r >= 0)
        return 0;
    while (done-- > 0)
        (void)apply(mock, &changes[done], !changes[done].add);
    return r;
}

/* As in the kernel: both lists, slot 0 which is nobody's, and a reserve so that freed slots can
 * rest. */
uint32_t mock_slots(Datapath *datapath)
{
    return 2 * ((Mock *)datapath)->limits.list_capacity + 1025;
}
