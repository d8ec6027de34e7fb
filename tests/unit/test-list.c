/* SPDX-License-Identifier: MIT */
#include "list-world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

static const char *match(const List *list, const char *text, char buffer[static PREFIX_TEXT_MAX])
{
    Address address;
    ListEntry *entry;

    cr_assert_eq(address_parse(text, &address), 0);
    entry = list_match(list, &address);
    return entry ? prefix_format(&entry->prefix, buffer) : "";
}

Test(list, holds_what_was_added_once)
{
    _cleanup_(list_freep) List *list = new_list(10);
    Prefix p = prefix("203.0.113.7"), other = prefix("203.0.113.8");

    cr_assert_eq(put(list, &p, 0), 0);
    cr_assert_eq(put(list, &p, 0), -EEXIST);
    cr_assert_eq(list_count(list), 1);
    cr_assert(list_get(list, &p));
    cr_assert_null(list_get(list, &other));
    cr_assert_eq(list_remove(list, &other, NULL), -ENOENT);
    cr_assert_eq(list_remove(list, &p, NULL), 0);
    cr_assert_eq(list_count(list), 0);
    cr_assert_null(list_first(list));
}

Test(list, refuses_one_too_many)
{
    _cleanup_(list_freep) List *list = new_list(2);

    cr_assert_eq(put_text(list, "192.0.2.1"), 0);
    cr_assert_eq(put_text(list, "192.0.2.2"), 0);
    cr_assert_eq(put_text(list, "192.0.2.3"), -ENOSPC);
    cr_assert_eq(put_text(list, "192.0.2.2"), -EEXIST);
    cr_assert_eq(list_count(list), 2);
}

Test(list, keeps_the_order_of_addition)
{
    _cleanup_(list_freep) List *list = new_list(10);
    Prefix middle = prefix("10.0.0.0/8"), last = prefix("2001:db8::/32");

    cr_assert_eq(put_text(list, "203.0.113.7"), 0);
    cr_assert_eq(put(list, &middle, 0), 0);
    cr_assert_eq(put(list, &last, 0), 0);
    cr_assert(prefix_equal(&list_next(list, list_first(list))->prefix, &middle));
    cr_assert_eq(list_remove(list, &middle, NULL), 0);
    cr_assert(prefix_equal(&list_next(list, list_first(list))->prefix, &last));
    cr_assert_null(list_next(list, list_get(list, &last)));
}

Test(list, replaces_in_place)
{
    _cleanup_(list_freep) List *list = new_list(2);
    Prefix p = prefix("203.0.113.7");
    _cleanup_(list_entry_unrefp) ListEntry *new_entry =
            list_entry_new(&p, "uid 0 over dbus", "new", "manual");
    _cleanup_(list_entry_unrefp) ListEntry *old = NULL;

    cr_assert_eq(list_replace(list, new_entry, NULL), -ENOENT);
    cr_assert_eq(put(list, &p, 77), 0);
    cr_assert_eq(put_text(list, "192.0.2.1"), 0);
    cr_assert_eq(list_replace(list, new_entry, &old), 0);
    cr_assert_eq(old->expires_boottime_ns, 77);
    old = list_entry_unref(old);
    cr_assert_eq(list_first(list), new_entry);
    cr_assert_eq(list_get(list, &p), new_entry);
    cr_assert_null(list_next_to_expire(list));
    cr_assert_eq(list_count(list), 2);
}

Test(list, matches_the_longest_prefix)
{
    _cleanup_(list_freep) List *list = new_list(20);
    char b[PREFIX_TEXT_MAX];

    cr_assert_eq(put_text(list, "10.0.0.0/8"), 0);
    cr_assert_eq(put_text(list, "10.1.0.0/16"), 0);
    cr_assert_eq(put_text(list, "10.1.2.3"), 0);
    cr_assert_eq(put_text(list, "2001:db8::/32"), 0);
    cr_assert_str_eq(match(list, "10.1.2.3", b), "10.1.2.3");
    cr_assert_str_eq(match(list, "10.1.2.4", b), "10.1.0.0/16");
    cr_assert_str_eq(match(list, "::ffff:10.2.0.1", b), "10.0.0.0/8");
    cr_assert_str_eq(match(list, "2001:db8::1", b), "2001:db8::/32");
    cr_assert_str_eq(match(list, "11.0.0.1", b), "");
    cr_assert_eq(
            list_remove(list, &list_get(list, &(Prefix[]){prefix("10.1.0.0/16")}[0])->prefix, NULL),
            0);
    cr_assert_str_eq(match(list, "10.1.2.4", b), "10.0.0.0/8");
}

Test(list, whole_ipv6_is_not_ipv4)
{
    _cleanup_(list_freep) List *list = new_list(2);
    char b[PREFIX_TEXT_MAX];

    cr_assert_eq(put_text(list, "::/0"), 0);
    cr_assert_str_eq(match(list, "192.0.2.1", b), "");
    cr_assert_str_eq(match(list, "2001:db8::1", b), "::/0");
    cr_assert_eq(put_text(list, "0.0.0.0/0"), 0);
    cr_assert_str_eq(match(list, "192.0.2.1", b), "0.0.0.0/0");
}

/* Against the plainest possible truth: look at every entry. */
static uint64_t earliest(const List *list)
{
    uint64_t min = 0;

    for (ListEntry *e = list_first(list); e; e = list_next(list, e))
        if (e->expires_boottime_ns && (!min || e->expires_boottime_ns < min))
            min = e->expires_boottime_ns;
    return min;
}

Test(list, expiry_order_survives_any_sequence)
{
    _cleanup_(list_freep) List *list = new_list(300);
    uint32_t random = 1;

    for (int i = 0; i < 5000; i++) {
        Prefix p;
        ListEntry *first;

        random = random * 1664525U + 1013904223U;
        p = numbered((random >> 8) % 256);
        if (list_get(list, &p))
            cr_assert_eq(list_remove(list, &p, NULL), 0);
        else
            cr_assert_eq(put(list, &p, (random >> 16) % 4 ? 1 + (random >> 4) % 1000 : 0), 0);
        first = list_next_to_expire(list);
        cr_assert_eq(first ? first->expires_boottime_ns : 0, earliest(list));
    }
}

Test(list, all_that_expired_is_found_at_once)
{
    _cleanup_(list_freep) List *list = new_list(300);
    ListEntry *due[300];

    cr_assert_eq(list_expired(list, UINT64_MAX, due, 300), 0);
    for (uint32_t i = 0; i < 300; i++)
        cr_assert_eq(put(list, &(Prefix[]){numbered(i)}[0], i * 7919 % 300), 0); /* one of them 0 */
    for (uint64_t now = 0; now < 300; now++) {
        bool seen[300] = {};

        cr_assert_eq(list_expired(list, now, due, 300), now);
        for (size_t i = 0; i < now; i++) {
            uint64_t at = due[i]->expires_boottime_ns;

            cr_assert(at > 0 && at <= now && !seen[at]);
            seen[at] = true;
        }
    }
    cr_assert_eq(list_expired(list, 299, due, 7), 7);
    cr_assert_eq(list_expired(list, 299, due, 0), 0);
}

static double milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

Test(list, full_list_is_quick)
{
    enum { N = 65536 };
    _cleanup_(list_freep) List *list = new_list(N);
    double start = milliseconds(), added, matched;
    size_t walked = 0;

    for (uint32_t i = 0; i < N; i++)
        cr_assert_eq(put(list, &(Prefix[]){numbered(i)}[0], i % 3 ? 1 + i * 7919 % 65537 : 0), 0);
    added = milliseconds();
    for (uint32_t i = 0; i < N; i++)
        cr_assert(list_match(list, &(Prefix[]){numbered(i)}[0].address));
    matched = milliseconds();
    for (ListEntry *e = list_first(list); e; e = list_next(list, e))
        walked++;
    cr_assert_eq(walked, N);
    for (uint32_t i = 0; i < N; i++)
        cr_assert_eq(list_remove(list, &(Prefix[]){numbered(i * 40503U % N)}[0], NULL), 0);
    printf("65536 entries: add %.1f ms, match %.1f ms, walk and remove %.1f ms\n", added - start,
            matched - added, milliseconds() - matched);
    cr_assert_lt(milliseconds() - start, 5000.0);
}
