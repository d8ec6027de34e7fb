/* SPDX-License-Identifier: MIT */
/* The datapath's lists in the kernel: what was told is held, to the entry; what the kernel refuses
 * changes nothing. */

#include "abi.h"
#include "datapath/datapath.h"

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 1024, CHANGES_MAX = 8192 };

typedef struct Kernel {
    sd_event *event;
    Datapath *datapath;
    ListChange expected[CHANGES_MAX], held[CHANGES_MAX];
    size_t n_expected, n_held;
} Kernel;

static void on_event(const PacketEvent *event, void *userdata)
{
}

static Kernel *kernel_new(void)
{
    static const DatapathLimits limits = {CAPACITY, 64, 64, 65536, false};
    Kernel *k = calloc(1, sizeof(*k));

    cr_assert_geq(sd_event_new(&k->event), 0);
    cr_assert_eq(
            datapath_new_bpf(k->event, &limits, NULL, 0, on_event, NULL, &k->datapath, NULL), 0);
    return k;
}

static void kernel_free(Kernel **k)
{
    datapath_free((*k)->datapath);
    sd_event_unref((*k)->event);
    free(*k);
}
#define KERNEL(k) __attribute__((cleanup(kernel_free))) Kernel *k = kernel_new()

static int compare(const void *a, const void *b)
{
    const ListChange *one = a, *other = b;
    int r = (int)one->list - (int)other->list;

    return r ? r : prefix_compare(&one->prefix, &other->prefix);
}

static void on_held(const ListChange *held, void *userdata)
{
    Kernel *k = userdata;

    cr_assert_lt(k->n_held, (size_t)CHANGES_MAX);
    k->held[k->n_held++] = *held;
}

static void assert_held(Kernel *k)
{
    k->n_held = 0;
    cr_assert_eq(datapath_read_lists(k->datapath, on_held, k), 0);
    cr_assert_eq(k->n_held, k->n_expected);
    qsort(k->held, k->n_held, sizeof(ListChange), compare);
    qsort(k->expected, k->n_expected, sizeof(ListChange), compare);
    for (size_t i = 0; i < k->n_held; i++) {
        cr_assert_eq(compare(&k->held[i], &k->expected[i]), 0);
        cr_assert_eq(k->held[i].slot, k->expected[i].slot);
    }
}

static ListChange addition(ListId list, bool ipv4, uint32_t n, uint32_t slot)
{
    ListChange change = {.list = list, .add = true, .slot = slot};
    char text[PREFIX_TEXT_MAX];

    if (ipv4)
        snprintf(text, sizeof(text), "10.%u.%u.0/24", n >> 8, n & 255);
    else
        snprintf(text, sizeof(text), "2001:db8:%x::/48", n);
    cr_assert_eq(prefix_parse(text, &change.prefix, NULL), 0);
    return change;
}

static int apply(Kernel *k, const ListChange *changes, size_t n)
{
    return k->datapath->ops->apply_lists(k->datapath, changes, n);
}

/* In runs of one family and list, the longer the later: a batch may begin and end anywhere. */
static void fill(Kernel *k)
{
    uint32_t next[4] = {};

    for (uint32_t run = 1, which = 0; next[3] < 1000; run += run / 8 + 1, which++)
        for (uint32_t i = 0; i < run && next[which % 4] < 1000; i++) {
            uint32_t slot = 1 + (uint32_t)k->n_expected % 2000;

            k->expected[k->n_expected++] =
                    addition(which % 4 / 2, which % 2, next[which % 4]++, slot);
        }
}

Test(lists, hold_what_they_were_told)
{
    KERNEL(k);
    ListChange changes[CHANGES_MAX];
    size_t n = 0, kept = 0;

    fill(k);
    cr_assert_gt(k->n_expected, 3000);
    cr_assert_eq(apply(k, k->expected, k->n_expected), 0);
    assert_held(k);

    /* Removals and additions of one prefix in one call: their order counts. */
    for (size_t i = 0; i < k->n_expected; i++) {
        ListChange change = k->expected[i];

        change.add = false;
        if (i % 3 == 0)
            changes[n++] = change;
        change.add = true;
        change.slot++;
        if (i % 9 == 0)
            changes[n++] = change;
        if (i % 3 != 0)
            k->expected[kept++] = k->expected[i];
        else if (i % 9 == 0)
            k->expected[kept++] = change;
    }
    k->n_expected = kept;
    cr_assert_eq(apply(k, changes, n), 0);
    assert_held(k);
}

static void start_with_1000(Kernel *k)
{
    for (uint32_t i = 0; i < 1000; i++)
        k->expected[k->n_expected++] = addition(LIST_BLACKLIST, true, i, 1 + i);
    cr_assert_eq(apply(k, k->expected, k->n_expected), 0);
}

Test(lists, one_too_many_changes_nothing)
{
    KERNEL(k);
    ListChange changes[600];
    size_t n = 0;

    start_with_1000(k);
    for (uint32_t i = 0; i < 10; i++) {
        changes[n] = k->expected[i * 7];
        changes[n++].add = false;
    }
    for (uint32_t i = 0; i < 20; i++)
        changes[n++] = addition(LIST_WHITELIST, false, i, 1100 + i);
    for (uint32_t i = 0; i < 500; i++) /* of which 34 fit */
        changes[n++] = addition(LIST_BLACKLIST, true, 2000 + i, 1200 + i);
    cr_assert_eq(apply(k, changes, n), -ENOSPC);
    assert_held(k);
}

Test(lists, what_is_not_there_can_not_be_removed_and_nothing_is)
{
    KERNEL(k);
    ListChange changes[200];
    size_t n = 0;

    start_with_1000(k);
    for (uint32_t i = 0; i < 20; i++)
        changes[n++] = addition(LIST_BLACKLIST, true, 2000 + i, 1200 + i);
    changes[n] = k->expected[0];
    changes[n++].add = false;
    changes[n] = addition(LIST_WHITELIST, true, 5, 7);
    changes[n++].add = false;
    cr_assert_eq(apply(k, changes, n), -ENOENT);
    assert_held(k);
}

/* --- what the program is told */

static struct ntc_control control_of(Kernel *k)
{
    HandoverFd fds[64];
    size_t n = k->datapath->ops->handover(k->datapath, fds, 64);
    struct ntc_control control = {};
    uint32_t zero = 0;
    bool found = false;

    for (size_t i = 0; i < n; i++)
        if (strstr(fds[i].name, "control"))
            found = bpf_map_lookup_elem(fds[i].fd, &zero, &control) == 0;
    cr_assert(found);
    return control;
}

static int apply_one(Kernel *k, ListChange change, bool add)
{
    change.add = add;
    return apply(k, &change, 1);
}

Test(lists, only_tries_without_entries_are_told_to_be_empty)
{
    static const struct {
        ListId list;
        bool ipv4;
        uint32_t trie;
    } rows[] = {{LIST_BLACKLIST, true, NTC_TRIE_BLACK4}, {LIST_BLACKLIST, false, NTC_TRIE_BLACK6},
            {LIST_WHITELIST, true, NTC_TRIE_WHITE4}, {LIST_WHITELIST, false, NTC_TRIE_WHITE6}};
    uint32_t all = NTC_TRIE_BLACK4 | NTC_TRIE_BLACK6 | NTC_TRIE_WHITE4 | NTC_TRIE_WHITE6;
    KERNEL(k);

    cr_assert_eq(control_of(k).empty_tries, all);
    for (size_t i = 0; i < 4; i++) {
        ListChange one = addition(rows[i].list, rows[i].ipv4, 1, 1);
        ListChange two = addition(rows[i].list, rows[i].ipv4, 2, 2);

        cr_assert_eq(apply_one(k, one, true), 0);
        cr_assert_eq(control_of(k).empty_tries, all & ~rows[i].trie);
        cr_assert_eq(apply_one(k, two, true), 0);
        cr_assert_eq(apply_one(k, one, false), 0);
        cr_assert_eq(control_of(k).empty_tries, all & ~rows[i].trie);
        cr_assert_eq(apply_one(k, two, false), 0);
        cr_assert_eq(control_of(k).empty_tries, all);
        cr_assert_eq(apply_one(k, two, false), -ENOENT);
        cr_assert_eq(control_of(k).empty_tries, all);
    }
}

/* Verdicts of the moment of a change are not believed for long (bpf-lists.c tells why). */
Test(lists, flows_are_judged_once_more_after_a_change)
{
    KERNEL(k);
    uint32_t before, after;

    before = control_of(k).generation;
    cr_assert_eq(apply_one(k, addition(LIST_BLACKLIST, true, 1, 1), true), 0);
    after = control_of(k).generation;
    cr_assert_eq(after, before + 1, "at once");
    cr_assert_eq(sd_event_run(k->event, 1000000), 1);
    cr_assert_eq(control_of(k).generation, after + 1);
    cr_assert_eq(sd_event_run(k->event, 20000), 0, "and no more than once");
    cr_assert_eq(control_of(k).generation, after + 1);
}
