/* SPDX-License-Identifier: MIT */
/* A change in memory and kernel. Invariant at every return: the entries on the lists are exactly
 * those in the kernel, under the same slots. A replaced entry keeps its slot (and thereby its
 * hits), so it is no change at all for the kernel. */

#include "base/log.h"
#include "control/control-internal.h"

#include <string.h>
#include <utlist.h>

Edit *edit_new(
        EditKind kind, ListId list, const Prefix *prefix, ListEntry *before, ListEntry *after)
{
    Edit *edit = calloc(1, sizeof(*edit));

    if (!edit)
        return NULL;
    edit->kind = kind;
    edit->list = list;
    edit->prefix = *prefix;
    edit->before = before ? list_entry_ref(before) : NULL;
    edit->after = after ? list_entry_ref(after) : NULL;
    edit->caller = (Caller){.transport = TRANSPORT_INTERNAL, .uid = UID_NONE};
    return edit;
}

Edit *edit_free(Edit *edit)
{
    if (!edit)
        return NULL;
    list_entry_unref(edit->before);
    list_entry_unref(edit->after);
    free(edit);
    return NULL;
}

void edits_free(Edit **edits)
{
    Edit *edit, *next;

    DL_FOREACH_SAFE(*edits, edit, next)
    edit_free(edit);
    *edits = NULL;
}

/* --- memory */

/* Steps for the kernel, in the order memory was changed. */
typedef struct Steps {
    ListChange *changes; /* owned; room for one a change of an edit */
    size_t count;
} Steps;

static void steps_done(Steps *steps)
{
    free(steps->changes);
}

static int steps_init(Steps *steps, const Edit *edits)
{
    const Edit *edit;
    size_t n;

    DL_COUNT(edits, edit, n);
    steps->changes = calloc(n ? n : 1, sizeof(*steps->changes));
    return steps->changes ? 0 : -ENOMEM;
}

/* The kernel knows the prefix by the slot of `have`. Another one comes from an edit that removed
 * the prefix, is undone now, and behind which a feed brought the prefix again. */
static int replace_entry(Control *control, List *list, const ListEntry *have, ListEntry *want)
{
    if (have->slot != want->slot) {
        slot_pool_release(&control->slots, want->slot);
        want->slot = have->slot;
    }
    return list_replace(list, want, NULL);
}

/* Makes `want` what the list says of the edit's prefix. `steps` may be NULL. */
static int set_entry(Control *control, const Edit *edit, ListEntry *want, Steps *steps)
{
    List *list = control->lists[edit->list];
    ListEntry *have = list_get(list, &edit->prefix);
    ListChange change = {.list = edit->list, .add = want, .prefix = edit->prefix};
    int r;

    if (have == want)
        return 0;
    if (have && want)
        return replace_entry(control, list, have, want);
    change.slot = want ? want->slot : have->slot;
    r = want ? list_add(list, want) : list_remove(list, &edit->prefix, NULL);
    if (r >= 0 && steps)
        steps->changes[steps->count++] = change;
    return r;
}

static int tell_kernel(Control *control, const Steps *steps)
{
    if (steps->count == 0)
        return 0;
    return control->datapath->ops->apply_lists(control->datapath, steps->changes, steps->count);
}

/* --- there and back */

/* From `last` back to `first`, memory only. */
static void restore_before(Control *control, const Edit *first, const Edit *last)
{
    for (const Edit *edit = last; edit; edit = edit == first ? NULL : edit->prev)
        if (set_entry(control, edit, edit->before, NULL) < 0)
            log_error("Out of memory while a change of the %s was undone", list_name(edit->list));
}

static int apply_to_memory(Control *control, Edit *edits, Steps *steps)
{
    Edit *edit;

    DL_FOREACH(edits, edit)
    {
        const List *list = control->lists[edit->list];
        int r;

        edit->count_before = list_count(list);
        r = set_entry(control, edit, edit->after, steps);
        if (r < 0) {
            if (edit != edits)
                restore_before(control, edits, edit->prev);
            return r;
        }
        edit->count_after = list_count(list);
    }
    return 0;
}

int edits_apply(Control *control, Edit *edits)
{
    _cleanup_(steps_done) Steps steps = {};
    int r = steps_init(&steps, edits);

    if (r >= 0)
        r = apply_to_memory(control, edits, &steps);
    if (r < 0)
        return r;
    r = tell_kernel(control, &steps);
    if (r < 0)
        restore_before(control, edits, edits->prev); /* utlist: the head's prev is the tail */
    return r;
}

static bool can_be_undone(const Edit *edit)
{
    return edit->kind != EDIT_EXPIRE && edit->kind != EDIT_NOTHING && !edit->of_feed;
}

static int undo_in_memory(Control *control, Edit *edits, Steps *steps)
{
    int r = 0;

    for (Edit *edit = edits->prev; edit && r >= 0; edit = edit == edits ? NULL : edit->prev)
        if (can_be_undone(edit))
            r = set_entry(control, edit, edit->before, steps);
    return r;
}

int edits_undo(Control *control, Edit *edits)
{
    _cleanup_(steps_done) Steps steps = {};
    Edit *edit;
    int r;

    if (!edits)
        return 0;
    r = steps_init(&steps, edits);
    if (r < 0)
        return r;
    r = undo_in_memory(control, edits, &steps);
    if (r >= 0)
        r = tell_kernel(control, &steps);
    if (r >= 0)
        return 0;
    DL_FOREACH(edits, edit)
    if (edit->kind != EDIT_NOTHING && set_entry(control, edit, edit->after, NULL) < 0)
        log_error("Out of memory while a change of the %s was redone", list_name(edit->list));
    return r;
}

static void release(Control *control, const Edit *edit, const ListEntry *entry)
{
    const ListEntry *have = list_get(control->lists[edit->list], &edit->prefix);

    if (entry && (!have || have->slot != entry->slot))
        slot_pool_release(&control->slots, entry->slot);
}

/* An edit that became durable may be followed by one that did not: what it put on the list can
 * still come back, what it took off can't. */
void edits_release_slots(Control *control, const Edit *edits, bool undone)
{
    const Edit *edit;

    DL_FOREACH(edits, edit)
    {
        if (edit->kind == EDIT_NOTHING)
            continue;
        if (undone)
            release(control, edit, edit->after);
        if (edit->before && (undone || !edit->after))
            release(control, edit, edit->before);
    }
}
