/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "control/list.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static Prefix prefix(const char *text)
{
    Prefix p = {};

    cr_assert_eq(prefix_parse(text, &p, NULL), 0, "%s", text);
    return p;
}

static Prefix numbered(uint32_t n)
{
    Address a = address_from_in((struct in_addr){htonl(0x0a000000U + n)});

    return prefix_from_address(&a);
}

static List *new_list(size_t capacity)
{
    List *list = NULL;

    cr_assert_eq(list_new(LIST_BLACKLIST, capacity, &list), 0);
    return list;
}

static int put(List *list, const Prefix *p, uint64_t expires_ns)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry =
            list_entry_new(p, "uid 0 over http", "", "manual");

    cr_assert(entry);
    entry->expires_boottime_ns = expires_ns;
    return list_add(list, entry);
}

static int put_text(List *list, const char *text)
{
    Prefix p = prefix(text);

    return put(list, &p, 0);
}

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

/* --- against the plainest possible list: an array
 * ---------------------------------------------------------------------------------------- */

#define PLAIN_MAX 400

typedef struct Plain {
    uint32_t numbers[PLAIN_MAX];
    uint64_t versions[PLAIN_MAX]; /* which entry of that number; told by added_wall_ns */
    size_t count;
} Plain;

static size_t plain_find(const Plain *plain, uint32_t number)
{
    size_t i = 0;

    while (i < plain->count && plain->numbers[i] != number)
        i++;
    return i;
}

static void plain_remove(Plain *plain, size_t at)
{
    plain->count--;
    memmove(plain->numbers + at, plain->numbers + at + 1, (plain->count - at) * sizeof(uint32_t));
    memmove(plain->versions + at, plain->versions + at + 1, (plain->count - at) * sizeof(uint64_t));
}

static void assert_shows(const ListEntry *entry, const Plain *plain, size_t i)
{
    Prefix expected = numbered(plain->numbers[i]);
    char comment[32];

    cr_assert(entry);
    snprintf(comment, sizeof(comment), "%llu", (unsigned long long)plain->versions[i]);
    cr_assert(prefix_equal(&entry->prefix, &expected));
    cr_assert_eq(entry->added_wall_ns, plain->versions[i]);
    cr_assert_str_eq(entry->comment, comment);
}

static void assert_is(const List *list, const Plain *plain)
{
    const ListEntry *entry = list_first(list);

    cr_assert_eq(list_count(list), plain->count);
    for (size_t i = 0; i < plain->count; i++, entry = list_next(list, entry)) {
        assert_shows(entry, plain, i);
        cr_assert_eq(list_get(list, &entry->prefix), entry);
    }
    cr_assert_null(entry);
}

static ListEntry *new_version(uint32_t number, uint64_t version)
{
    Prefix p = numbered(number);
    char comment[32];
    ListEntry *entry;

    snprintf(comment, sizeof(comment), "%llu", (unsigned long long)version);
    entry = list_entry_new(&p, "x", comment, "manual");
    entry->added_wall_ns = version;
    return entry;
}

typedef struct Snap {
    ListSnapshot *snapshot;
    Plain plain;
} Snap;

typedef struct Model {
    List *lists[_LIST_MAX]; /* the second stays empty */
    Plain plain;
    Snap snaps[3];
    ListEntry *removed; /* a reference to the last one, to come back as an undone edit does */
    uint64_t version;
    uint32_t random;
} Model;

static uint32_t draw(Model *m, uint32_t below)
{
    m->random = m->random * 1664525U + 1013904223U;
    return (m->random >> 8) % below;
}

static void step_snapshot(Model *m)
{
    Snap *snap = &m->snaps[draw(m, 3)];

    snap->snapshot = list_snapshot_free(snap->snapshot);
    if (draw(m, 2)) {
        snap->plain = m->plain;
        cr_assert_eq(list_snapshot_new(m->lists, &snap->snapshot), 0);
    }
}

static void step_remove(Model *m, size_t at)
{
    Prefix p = numbered(m->plain.numbers[at]);

    m->removed = list_entry_unref(m->removed);
    cr_assert_eq(list_remove(m->lists[0], &p, &m->removed), 0);
    plain_remove(&m->plain, at);
}

static void step_add(Model *m, uint32_t number)
{
    Prefix p = numbered(number);
    bool comes_back = m->removed && prefix_equal(&m->removed->prefix, &p);
    _cleanup_(list_entry_unrefp) ListEntry *entry =
            comes_back ? TAKE_PTR(m->removed) : new_version(number, ++m->version);

    cr_assert_eq(list_add(m->lists[0], entry), 0);
    m->plain.numbers[m->plain.count] = number;
    m->plain.versions[m->plain.count++] = entry->added_wall_ns;
}

static void step_replace(Model *m, size_t at)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry = new_version(m->plain.numbers[at], ++m->version);

    cr_assert_eq(list_replace(m->lists[0], entry, NULL), 0);
    m->plain.versions[at] = m->version;
}

/* Now mostly additions, now mostly removals, so that it grows and shrinks. */
static void step(Model *m, bool grow)
{
    uint32_t number =
            draw(m, 4)   ? draw(m, PLAIN_MAX)
            : m->removed ? ntohl(*(uint32_t *)(m->removed->prefix.address.bytes + 12)) - 0x0a000000U
                         : 0;
    size_t at = plain_find(&m->plain, number);
    bool listed = at < m->plain.count;

    if (draw(m, 20) == 0)
        step_snapshot(m);
    else if (listed && draw(m, 4) == 0)
        step_replace(m, at);
    else if (listed && (!grow || draw(m, 8) == 0))
        step_remove(m, at);
    else if (!listed && (grow || draw(m, 8) == 0))
        step_add(m, number);
}

static void assert_snaps(const Model *m)
{
    for (size_t s = 0; s < 3; s++) {
        const Snap *snap = &m->snaps[s];
        size_t position = 0;

        if (!snap->snapshot)
            continue;
        for (size_t i = 0; i < snap->plain.count; i++)
            assert_shows(
                    list_snapshot_next(snap->snapshot, LIST_BLACKLIST, &position), &snap->plain, i);
        cr_assert_null(list_snapshot_next(snap->snapshot, LIST_BLACKLIST, &position));
        cr_assert_null(list_snapshot_next(snap->snapshot, LIST_WHITELIST, &(size_t){0}));
    }
}

Test(list, is_what_an_array_would_be_and_snapshots_do_not_change)
{
    static Model m;

    m.random = 7;
    for (ListId id = 0; id < _LIST_MAX; id++)
        cr_assert_eq(list_new(id, PLAIN_MAX, &m.lists[id]), 0);
    for (int i = 0; i < 20000; i++) {
        step(&m, i / 1000 % 2 == 0);
        if (i % 10 == 0) {
            assert_is(m.lists[0], &m.plain);
            assert_snaps(&m);
        }
    }
    list_entry_unref(m.removed);
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free(m.lists[id]);
    assert_snaps(&m); /* they outlive the lists */
    for (size_t s = 0; s < 3; s++)
        list_snapshot_free(m.snaps[s].snapshot);
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}

Test(list, snapshot_leaves_out_what_feeds_say)
{
    List *lists[_LIST_MAX] = {new_list(10), new_list(10)};
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = NULL;
    _cleanup_(list_entry_unrefp) ListEntry *fed = new_version(1, 1);
    size_t position = 0;

    fed->from_feed = true;
    cr_assert_eq(list_add(lists[LIST_BLACKLIST], fed), 0);
    cr_assert_eq(put_text(lists[LIST_BLACKLIST], "203.0.113.7"), 0);
    cr_assert_eq(list_snapshot_new(lists, &snapshot), 0);
    cr_assert_eq(list_snapshot_next(snapshot, LIST_BLACKLIST, &position),
            list_get(lists[LIST_BLACKLIST], &(Prefix[]){prefix("203.0.113.7")}[0]));
    cr_assert_null(list_snapshot_next(snapshot, LIST_BLACKLIST, &position));
    list_free(lists[LIST_BLACKLIST]);
    list_free(lists[LIST_WHITELIST]);
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
