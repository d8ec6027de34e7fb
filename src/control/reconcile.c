/* SPDX-License-Identifier: MIT */
/* Start: the file says what should be in force, the datapath may hold lists of an earlier process.
 * Entries that both have keep the datapath's slot, and with it their hits; the rest is brought in
 * line by one difference, so that nothing that stays is ever missing for a moment. */

#include "control/control-internal.h"

#include <string.h>

typedef struct Difference {
    Control *control;
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

static void on_held(const ListChange *held, void *userdata)
{
    Difference *difference = userdata;
    Control *control = difference->control;
    ListEntry *entry = list_get(control->lists[held->list], &held->prefix);
    bool claimed = slot_pool_claim(&control->slots, held->slot) >= 0;

    /* An entry whose slot can't be used is given another by add_missing(): overwritten, never
     * removed. */
    if (entry) {
        entry->slot = claimed ? held->slot : SLOT_NONE;
        return;
    }
    append(difference, (ListChange){held->list, false, held->prefix, held->slot});
    difference->removed++;
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
    Difference difference = {.control = control};
    size_t missing = 0;
    int r = datapath_read_lists(control->datapath, on_held, &difference);

    slot_pool_settle(&control->slots);
    if (r >= 0)
        r = add_missing(&difference, &missing);
    if (r >= 0 && difference.count > 0)
        r = control->datapath->ops->apply_lists(
                control->datapath, difference.items, difference.count);
    release_removed(&difference);
    free(difference.items);
    /* Lists that were never filled are no difference. */
    if (datapath_adopted(control->datapath)) {
        report->kernel_missing = missing;
        report->kernel_surplus = difference.removed;
    }
    return r;
}
