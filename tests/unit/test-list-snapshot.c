/* SPDX-License-Identifier: MIT */
/* A list and its snapshots, through any sequence of changes. */

#include "leaks.h"
#include "list-world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* --- against the plainest possible list: an array */

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

Test(list_snapshot, is_what_an_array_would_be_and_snapshots_do_not_change)
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
    abort_on_leaks();
}

Test(list_snapshot, snapshot_leaves_out_what_feeds_say)
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
