/* SPDX-License-Identifier: MIT */
#include "list-world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

Prefix prefix(const char *text)
{
    Prefix p = {};

    cr_assert_eq(prefix_parse(text, &p, NULL), 0, "%s", text);
    return p;
}

Prefix numbered(uint32_t n)
{
    Address a = address_from_in((struct in_addr){htonl(0x0a000000U + n)});

    return prefix_from_address(&a);
}

List *new_list(size_t capacity)
{
    List *list = NULL;

    cr_assert_eq(list_new(LIST_BLACKLIST, capacity, &list), 0);
    return list;
}

int put(List *list, const Prefix *p, uint64_t expires_ns)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry =
            list_entry_new(p, "uid 0 over http", "", "manual");

    cr_assert(entry);
    entry->expires_boottime_ns = expires_ns;
    return list_add(list, entry);
}

int put_text(List *list, const char *text)
{
    Prefix p = prefix(text);

    return put(list, &p, 0);
}
