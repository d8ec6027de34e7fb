/* SPDX-License-Identifier: MIT */
/* A plan into lists and kernel, a portion at a time. */

#include "control/feed-plan.h"

#include "control/control-internal.h"

#include <utlist.h>

#define PORTION   2048 /* prefixes at a time: a few milliseconds */
#define TELL_EACH 256  /* more changes than that are told as a number */

static EditKind kind_of(const ListEntry *before, const ListEntry *after)
{
    return !after ? EDIT_REMOVE : before ? EDIT_CHANGE : EDIT_ADD;
}

/* The edit of one prefix; NULL in *ret if it is as it should be. -ENOSPC: no room for it. */
static int edit_for(
        Control *control, const FeedSet *set, const FeedStep *step, size_t room, Edit **ret)
{
    ListEntry *before = list_get(control->lists[step->list], &step->prefix);
    const FeedItem *item = feed_wanted(control, set, step->list, &step->prefix);
    _cleanup_(list_entry_unrefp) ListEntry *after = NULL;
    int r;

    *ret = NULL;
    if (before && (!before->from_feed || (item && feed_entry_is_as_wanted(before, set, item))))
        return 0;
    if (!before && (!item || room == 0))
        return item ? -ENOSPC : 0;
    r = feed_entry_new(control, set, step->list, &step->prefix, &after);
    if (r >= 0 && after && before)
        after->slot = before->slot;
    else if (r >= 0 && after)
        r = slot_pool_take(&control->slots, &after->slot);
    if (r < 0)
        return r;
    *ret = edit_new(kind_of(before, after), step->list, &step->prefix, before, after);
    if (!*ret && after && !before)
        slot_pool_return(&control->slots, after->slot);
    return *ret ? 0 : -ENOMEM;
}

typedef struct Portion {
    Edit *edits; /* owned */
    size_t added[_LIST_MAX];
    size_t removed[_LIST_MAX];
    size_t no_room;
} Portion;

static void portion_done(Portion *portion)
{
    edits_free(&portion->edits);
}

static void take_edit(Portion *portion, Edit *edit, bool quiet)
{
    edit->caller.transport = TRANSPORT_FEED;
    edit->of_feed = true;
    edit->quiet = quiet;
    portion->added[edit->list] += edit->kind == EDIT_ADD;
    portion->removed[edit->list] += edit->kind == EDIT_REMOVE;
    DL_APPEND(portion->edits, edit);
}

/* Room as it will be once the edits before are in force. */
static size_t room_left(const Control *control, const Portion *portion, ListId list)
{
    const List *l = control->lists[list];

    return feed_room(l, list_count(l) + portion->added[list] - portion->removed[list]);
}

static int collect(Portion *portion, const FeedPlan *plan, Control *control, const FeedSet *set)
{
    size_t end = MIN_OF(plan->count, plan->next + PORTION);
    int r = 0;

    for (size_t i = plan->next; i < end && r >= 0; i++) {
        const FeedStep *step = &plan->steps[i];
        Edit *edit;

        r = edit_for(control, set, step, room_left(control, portion, step->list), &edit);
        if (r == -ENOSPC) {
            portion->no_room++;
            r = 0;
        } else if (r >= 0 && edit)
            take_edit(portion, edit, plan->count > TELL_EACH);
    }
    return r;
}

/* The kernel may have held them for a moment before it refused. */
static void give_back_slots(Control *control, const Edit *edits)
{
    const Edit *edit;

    DL_FOREACH(edits, edit)
    if (edit->kind == EDIT_ADD)
        slot_pool_release(&control->slots, edit->after->slot);
}

int feed_plan_run(FeedPlan *plan, Control *control, const FeedSet *set)
{
    _cleanup_(portion_done) Portion portion = {};
    int r = collect(&portion, plan, control, set);

    if (r >= 0 && portion.edits)
        r = edits_apply(control, portion.edits);
    if (r < 0) {
        give_back_slots(control, portion.edits);
        return r;
    }
    plan->next = MIN_OF(plan->count, plan->next + PORTION);
    plan->report.no_room += portion.no_room;
    for (ListId list = 0; list < _LIST_MAX; list++) {
        plan->report.added += portion.added[list];
        plan->report.removed += portion.removed[list];
    }
    if (portion.edits)
        persist_feed_edits(control, TAKE_PTR(portion.edits));
    return plan->next < plan->count;
}

int feed_plan_fill(FeedPlan *plan, Control *control, const FeedSet *set)
{
    int r = 0;

    for (size_t i = 0; i < plan->count && r >= 0; i++) {
        const FeedStep *step = &plan->steps[i];
        _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;
        List *list = control->lists[step->list];

        if (feed_room(list, list_count(list)) == 0) {
            plan->report.no_room++;
            continue;
        }
        r = feed_entry_new(control, set, step->list, &step->prefix, &entry);
        if (r >= 0 && entry)
            r = list_add(list, entry);
        plan->report.added += r >= 0;
    }
    plan->next = plan->count;
    return r;
}
