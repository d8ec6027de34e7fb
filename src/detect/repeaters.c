/* SPDX-License-Identifier: MIT */
#include "detect/repeaters.h"

#include "base/clock.h"
#include "flow/keyed-hash.h"

#include <stdbool.h>

typedef struct Repeater {
    Address address;
    uint64_t ttl_sec;
    uint64_t until_ns;
    UT_hash_handle hh; /* also keeps the order: blocked longest ago first */
} Repeater;

struct Repeaters {
    Repeater *items;
    size_t max;
};

int repeaters_new(size_t max, Repeaters **ret)
{
    Repeaters *repeaters;

    if (max == 0)
        return -EINVAL;
    repeaters = calloc(1, sizeof(*repeaters));
    if (!repeaters)
        return -ENOMEM;
    repeaters->max = max;
    *ret = repeaters;
    return 0;
}

static void drop(Repeaters *repeaters, Repeater *repeater)
{
    HASH_DEL(repeaters->items, repeater);
    free(repeater);
}

Repeaters *repeaters_free(Repeaters *repeaters)
{
    if (!repeaters)
        return NULL;
    while (repeaters->items)
        drop(repeaters, repeaters->items);
    free(repeaters);
    return NULL;
}

static Repeater *find(const Repeaters *repeaters, const Address *address)
{
    Repeater *repeater;

    HASH_FIND(hh, repeaters->items, address, sizeof(*address), repeater);
    return repeater;
}

uint64_t repeaters_ttl_sec(const Repeaters *repeaters, const Address *address, uint32_t first_sec,
        uint32_t max_sec, uint64_t now_ns)
{
    const Repeater *repeater = find(repeaters, address);
    uint64_t ttl_sec = first_sec;

    if (repeater && now_ns < repeater->until_ns + max_sec * NSEC_PER_SEC)
        ttl_sec = MAX_OF(ttl_sec, repeater->ttl_sec * 2);
    return MIN_OF(ttl_sec, (uint64_t)max_sec);
}

void repeaters_blocked(
        Repeaters *repeaters, const Address *address, uint64_t ttl_sec, uint64_t now_ns)
{
    Repeater *repeater = find(repeaters, address);

    if (repeater)
        drop(repeaters, repeater);
    if (HASH_COUNT(repeaters->items) >= repeaters->max)
        drop(repeaters, repeaters->items);
    repeater = calloc(1, sizeof(*repeater));
    if (!repeater)
        return;
    repeater->address = *address;
    repeater->ttl_sec = ttl_sec;
    repeater->until_ns = now_ns + ttl_sec * NSEC_PER_SEC;
    HASH_ADD(hh, repeaters->items, address, sizeof(Address), repeater);
    if (!hash_added(repeater))
        free(repeater);
}
