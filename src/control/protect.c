/* SPDX-License-Identifier: MIT */
/* Two kinds of protected things: ranges that are the same everywhere, and single addresses that the
 * kernel was asked for. The addresses are kept sorted, so that a feed of 65,536 lines is checked
 * with a binary search each. */

#include "control/protect-internal.h"

#include <stdint.h>
#include <string.h>

struct Protected {
    ProtectSet asked; /* the last refresh */
    ProtectSet added; /* by protected_add(); outlives a refresh */
};

/* In the 128-bit space: 127.0.0.0/8 is ::ffff:127.0.0.0/104. */
#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        {                                                                                          \
            [10] = 0xff, [11] = 0xff, a, b, c, d                                                   \
        }                                                                                          \
    }

static const struct {
    Prefix prefix;
    ProtectReason reason;
} ranges[] = {
        {{V4(127, 0, 0, 0), 104}, PROTECT_LOOPBACK},
        {{{{[15] = 1}}, 128}, PROTECT_LOOPBACK},
        {{V4(224, 0, 0, 0), 100}, PROTECT_MULTICAST},
        {{{{[0] = 0xff}}, 8}, PROTECT_MULTICAST},
        {{V4(0, 0, 0, 0), 128}, PROTECT_UNSPECIFIED},
        {{{{0}}, 128}, PROTECT_UNSPECIFIED},
        {{V4(255, 255, 255, 255), 128}, PROTECT_BROADCAST},
};

/* --- the set */

static int grow(ProtectSet *set)
{
    size_t wanted = set->allocated ? set->allocated * 2 : 32;
    ProtectedAddress *items;

    if (set->count < set->allocated)
        return 0;
    if (set->count >= PROTECT_ADDRESSES_MAX)
        return -E2BIG;
    items = reallocarray(set->items, wanted, sizeof(*items));
    if (!items)
        return -ENOMEM;
    set->items = items;
    set->allocated = wanted;
    return 0;
}

int protect_set_add(ProtectSet *set, const Address *address, ProtectReason reason)
{
    int r = grow(set);

    if (r >= 0)
        set->items[set->count++] = (ProtectedAddress){*address, reason, true};
    return r;
}

void protect_set_done(ProtectSet *set)
{
    free(set->items);
    *set = (ProtectSet){};
}

static int by_bytes(const Address *a, const Address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare_items(const void *a, const void *b)
{
    const ProtectedAddress *x = a, *y = b;
    int order = by_bytes(&x->address, &y->address);

    return order ? order : (int)x->reason - (int)y->reason;
}

static void sort_and_unite(ProtectSet *set)
{
    size_t kept = 0;

    if (set->count == 0)
        return;
    qsort(set->items, set->count, sizeof(*set->items), compare_items);
    for (size_t i = 1; i < set->count; i++)
        if (!address_equal(&set->items[i].address, &set->items[kept].address))
            set->items[++kept] = set->items[i];
    set->count = kept + 1;
}

static size_t lower_bound(const ProtectSet *set, const Address *address)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_bytes(&set->items[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool set_has(const ProtectSet *set, const Address *address)
{
    size_t i = lower_bound(set, address);

    return i < set->count && address_equal(&set->items[i].address, address);
}

/* Who asks, and so what counts. */
typedef enum Asker {
    ASKER_PERSON,
    ASKER_FEED,
} Asker;

static bool counts(const ProtectedAddress *item, Asker asker)
{
    return item->reason != PROTECT_SSH_PEER || asker == ASKER_PERSON;
}

/* The item within `prefix` that has the first reason; NULL. */
static const ProtectedAddress *set_find(const ProtectSet *set, const Prefix *prefix, Asker asker)
{
    const ProtectedAddress *best = NULL;

    for (size_t i = lower_bound(set, &prefix->address); i < set->count; i++) {
        const ProtectedAddress *item = &set->items[i];
        Prefix cut = prefix_of(&item->address, prefix->bits);

        if (!prefix_equal(&cut, prefix))
            break;
        /* ::/0 spans the mapped IPv4 addresses in number, but doesn't contain them. */
        if (counts(item, asker) && prefix_contains_address(prefix, &item->address) &&
                (!best || item->reason < best->reason))
            best = item;
    }
    return best;
}

/* --- the interface */

int protected_new(Protected **ret)
{
    Protected *protected = calloc(1, sizeof(*protected));

    if (!protected)
        return -ENOMEM;
    *ret = protected;
    return 0;
}

Protected *protected_free(Protected *protected)
{
    if (!protected)
        return NULL;
    protect_set_done(&protected->asked);
    protect_set_done(&protected->added);
    free(protected);
    return NULL;
}

int protected_add(Protected *protected, const Address *address, ProtectReason reason)
{
    int r = protect_set_add(&protected->added, address, reason);

    if (r >= 0)
        sort_and_unite(&protected->added);
    return r;
}

int protected_refresh(Protected *protected, const uint16_t *ssh_ports, size_t n_ssh_ports)
{
    _cleanup_(protect_set_done) ProtectSet set = {};
    ProtectSet old;
    int r = protect_ask_addresses(&set);

    if (r >= 0)
        r = protect_ask_gateways(&set);
    if (r >= 0)
        r = protect_ask_ssh_peers(&set, ssh_ports, n_ssh_ports);
    if (r < 0)
        return r;
    sort_and_unite(&set);
    for (size_t i = 0; i < set.count; i++)
        set.items[i].fresh = !set_has(&protected->asked, &set.items[i].address);
    old = protected->asked;
    protected->asked = set;
    set = old;
    return 0;
}

const ProtectedAddress *protected_addresses(const Protected *protected, size_t *ret_count)
{
    *ret_count = protected->asked.count;
    return protected->asked.items;
}

static const ProtectedAddress *find_address(
        const Protected *protected, const Prefix *prefix, Asker asker)
{
    const ProtectedAddress *asked = set_find(&protected->asked, prefix, asker);
    const ProtectedAddress *added = set_find(&protected->added, prefix, asker);

    if (!asked || !added)
        return asked ? asked : added;
    return added->reason < asked->reason ? added : asked;
}

/* Of an overlap one is inside the other, so its first address is that of the longer one. */
static ProtectReason check_ranges(const Prefix *prefix, Address *ret_hit)
{
    for (size_t i = 0; i < ELEMENTSOF(ranges); i++) {
        const Prefix *range = &ranges[i].prefix;

        if (!prefix_overlaps(range, prefix))
            continue;
        *ret_hit = range->bits > prefix->bits ? range->address : prefix->address;
        return ranges[i].reason;
    }
    return PROTECT_NONE;
}

static ProtectReason check(
        const Protected *protected, const Prefix *prefix, Asker asker, Address *ret_hit)
{
    const ProtectedAddress *item = find_address(protected, prefix, asker);

    if (!item)
        return check_ranges(prefix, ret_hit);
    *ret_hit = item->address;
    return item->reason;
}

ProtectReason protected_check(const Protected *protected, const Prefix *prefix, Address *ret_hit)
{
    return check(protected, prefix, ASKER_PERSON, ret_hit);
}

ProtectReason protected_check_feed(
        const Protected *protected, const Prefix *prefix, Address *ret_hit)
{
    return check(protected, prefix, ASKER_FEED, ret_hit);
}

const char *protect_reason_name(ProtectReason reason)
{
    static const char *const names[_PROTECT_REASON_MAX] = {
            [PROTECT_NONE] = "nothing",
            [PROTECT_OWN_ADDRESS] = "an address of this machine",
            [PROTECT_GATEWAY] = "the default gateway",
            [PROTECT_LOOPBACK] = "a loopback address",
            [PROTECT_MULTICAST] = "a multicast address",
            [PROTECT_SSH_PEER] = "the peer of an SSH session",
            [PROTECT_UNSPECIFIED] = "the unspecified address",
            [PROTECT_BROADCAST] = "the broadcast address",
    };

    return names[reason];
}
