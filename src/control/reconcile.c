/* SPDX-License-Identifier: MIT */
/* Start: file and feeds say what should be in force, the datapath may hold lists of an earlier
 * process. What it holds and should still be in force keeps its slot, and with it its hits; feeds
 * fill the room that is left; the rest is brought in line by one difference, so that nothing that
 * stays is ever missing for a moment. A damaged file says nothing: then all that the datapath holds
 * is what is left of the lists, and stays. */

#include "control/control-internal.h"

#include <string.h>

typedef struct Difference {
    Control *control;
    bool file_damaged;
    size_t recovered;
    ListChange *items;
    size_t count;
    size_t allocated;
    size_t removed;
    int error;
} Difference;

static void append(Difference *difference, ListChange change)
{
    if (difference->count == difference->allocated) {
        size_t allocated = MAX_OF((size_t)64, difference->allocated * 2);
        ListChange *items = reallocarray(difference->items, allocated, sizeof(*items));

        if (!items) {
            difference->error = -ENOMEM;
            return;
        }
        difference->items = items;
        difference->allocated = allocated;
    }
    difference->items[difference->count++] = change;
}

static ListEntry *recovered_entry(const Control *control, const Prefix *prefix)
{
    ListEntry *entry =
            list_entry_new(prefix, "the kernel", "recovered: the state file was damaged", "manual");

    if (entry)
        entry->added_wall_ns = control->clock().wall_ns;
    return entry;
}

/* What the file doesn't know and should be in force all the same; NULL if it shouldn't. */
static ListEntry *take_over(Difference *difference, ListId list, const Prefix *prefix)
{
    Control *control = difference->control;
    _cleanup_(list_entry_unrefp) ListEntry *entry = feeds_entry(control, list, prefix);

    if (!entry && difference->file_damaged)
        entry = recovered_entry(control, prefix);
    if (!entry || list_add(control->lists[list], entry) < 0)
        return NULL;
    difference->recovered += !entry->from_feed;
    return list_get(control->lists[list], prefix);
}

static void on_held(const ListChange *held, void *userdata)
{
    Difference *difference = userdata;
    Control *control = difference->control;
    ListEntry *entry = list_get(control->lists[held->list], &held->prefix);
    bool claimed = slot_pool_claim(&control->slots, held->slot) >= 0;

    if (!entry)
        entry = take_over(difference, held->list, &held->prefix);
    /* An entry whose slot can't be used is given another by add_missing(): overwritten, never
     * removed. */
    if (entry) {
        entry->slot = claimed ? held->slot : SLOT_NONE;
        return;
    }
    append(difference, (ListChange){held->list, false, held->prefix, held->slot});
    difference->removed = difference->count;
}

/* Slots of what goes rest like any other: flows may still hold them. */
static void release_removed(Difference *difference)
{
    for (size_t i = 0; i < difference->removed; i++)
        slot_pool_release(&difference->control->slots, difference->items[i].slot);
}

static int add_missing(Difference *difference, size_t *ret_missing)
{
    Control *control = difference->control;
    int r = difference->error;

    for (ListId id = 0; id < _LIST_MAX; id++)
        for (ListEntry *e = list_first(control->lists[id]); e && r >= 0;
                e = list_next(control->lists[id], e)) {
            if (e->slot != SLOT_NONE)
                continue;
            r = slot_pool_take(&control->slots, &e->slot);
            if (r >= 0)
                append(difference, (ListChange){id, true, e->prefix, e->slot});
            r = r < 0 ? r : difference->error;
            *ret_missing += !e->from_feed;
        }
    return r;
}

int control_reconcile(Control *control, StoreReport *report)
{
    Difference difference = {.control = control, .file_damaged = report->outcome == STORE_DAMAGED};
    size_t missing = 0;
    int r = datapath_read_lists(control->datapath, on_held, &difference);
    bool were_filled = r > 0;

    slot_pool_settle(&control->slots);
    if (r >= 0)
        r = feeds_fill(control->feeds);
    if (r >= 0)
        r = add_missing(&difference, &missing);
    if (r >= 0 && difference.count > 0)
        r = control->datapath->ops->apply_lists(
                control->datapath, difference.items, difference.count);
    release_removed(&difference);
    free(difference.items);
    report->kernel_recovered = difference.recovered;
    /* Lists that were never filled are no difference. */
    if (were_filled) {
        report->kernel_missing = missing;
        report->kernel_surplus = difference.removed;
    }
    return r;
}
