/* SPDX-License-Identifier: MIT */
/* One rule for each prefix, looked at when its turn comes: made by hand, it stays; a feed wants it
 * and it is missing or another feed's, it is put there; no feed wants it any more, it goes. A plan
 * only names the prefixes, so it may be old: lists may change between two portions.
 *
 * Additions come first, where there is room, so that a network which replaces its parts leaves no
 * gap. */

#include "control/control-internal.h"

#include <string.h>
#include <utlist.h>

#define PORTION   2048 /* prefixes at a time: a few milliseconds */
#define TELL_EACH 256  /* more changes than that are told as a number */

/* --- what is wanted
 * --------------------------------------------------------------------------------- */

static ProtectReason protection(
        const Control *control, ListId list, const Prefix *prefix, Address *ret_hit)
{
    return list == LIST_BLACKLIST ? protected_check(control->protected, prefix, ret_hit)
                                  : PROTECT_NONE;
}

static const FeedItem *wanted(
        const Control *control, const FeedSet *set, ListId list, const Prefix *prefix)
{
    const FeedItem *item = feed_set_find(set, list, prefix);
    Address hit;

    return item && protection(control, list, prefix, &hit) == PROTECT_NONE ? item : NULL;
}

static bool is_as_wanted(const ListEntry *entry, const FeedSet *set, const FeedItem *item)
{
    return strcmp(entry->origin, feed_set_file(set, item)->name) == 0 &&
           strcmp(entry->comment, feed_set_comment(set, item)) == 0;
}

int feed_entry_new(
        Control *control, const FeedSet *set, ListId list, const Prefix *prefix, ListEntry **ret)
{
    const FeedItem *item = wanted(control, set, list, prefix);
    ListEntry *entry;

    *ret = NULL;
    if (!item)
        return 0;
    entry = list_entry_new(
            prefix, "feed", feed_set_comment(set, item), feed_set_file(set, item)->name);
    if (!entry)
        return -ENOMEM;
    entry->from_feed = true;
    entry->added_wall_ns = control->clock().wall_ns;
    *ret = entry;
    return 0;
}

/* --- the plan
 * --------------------------------------------------------------------------------------- */

void feed_plan_done(FeedPlan *plan)
{
    free(plan->steps);
    *plan = (FeedPlan){};
}

static int plan_step(FeedPlan *plan, ListId list, const Prefix *prefix)
{
    if (plan->count == plan->allocated) {
        size_t allocated = MAX_OF((size_t)256, plan->allocated * 2);
        FeedStep *steps = reallocarray(plan->steps, allocated, sizeof(*steps));

        if (!steps)
            return -ENOMEM;
        plan->steps = steps;
        plan->allocated = allocated;
    }
    plan->steps[plan->count++] = (FeedStep){list, *prefix};
    return 0;
}

static void tell_protected(FeedSet *set, const FeedItem *item, ProtectReason reason, Address hit)
{
    char prefix[PREFIX_TEXT_MAX], address[ADDRESS_TEXT_MAX];

    feed_file_problem(set->files[item->file], item->line, "%s was left out: it covers %s, %s",
            prefix_format(&item->prefix, prefix), address_format(&hit, address),
            protect_reason_name(reason));
}

static int plan_additions(FeedPlan *plan, Control *control, FeedSet *set, ListId list)
{
    int r = 0;

    for (size_t i = 0; i < set->n_items[list] && r >= 0; i++) {
        const FeedItem *item = &set->items[list][i];
        const ListEntry *entry = list_get(control->lists[list], &item->prefix);
        Address hit;
        ProtectReason reason = protection(control, list, &item->prefix, &hit);

        if (reason != PROTECT_NONE)
            tell_protected(set, item, reason, hit);
        else if (!entry || (entry->from_feed && !is_as_wanted(entry, set, item)))
            r = plan_step(plan, list, &item->prefix);
    }
    return r;
}

static int plan_removals(FeedPlan *plan, Control *control, const FeedSet *set, ListId list)
{
    int r = 0;

    for (ListEntry *e = list_first(control->lists[list]); e && r >= 0;
            e = list_next(control->lists[list], e))
        if (e->from_feed && !wanted(control, set, list, &e->prefix))
            r = plan_step(plan, list, &e->prefix);
    return r;
}

/* The last first. */
static void turn_around(FeedStep *steps, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        FeedStep step = steps[i];

        steps[i] = steps[count - 1 - i];
        steps[count - 1 - i] = step;
    }
}

static int plan_list(FeedPlan *plan, Control *control, FeedSet *set, ListId list)
{
    const List *now = control->lists[list];
    size_t begin = plan->count;
    int r = plan_additions(plan, control, set, list);
    bool fits = list_count(now) + plan->count - begin <= list_capacity(now);

    if (r >= 0)
        r = plan_removals(plan, control, set, list);
    if (r >= 0 && !fits)
        turn_around(plan->steps + begin, plan->count - begin);
    return r;
}

int feed_plan_make(FeedPlan *plan, Control *control, FeedSet *set)
{
    int r = 0;

    feed_plan_done(plan);
    feed_set_begin_plan(set);
    plan->report.set = set;
    for (ListId list = 0; list < _LIST_MAX && r >= 0; list++)
        r = plan_list(plan, control, set, list);
    return r;
}

/* --- its portions
 * ----------------------------------------------------------------------------------- */

static EditKind kind_of(const ListEntry *before, const ListEntry *after)
{
    return !after ? EDIT_REMOVE : before ? EDIT_CHANGE : EDIT_ADD;
}

/* The edit of one prefix; NULL in *ret if it is as it should be. -ENOSPC: no room for it. */
static int edit_for(
        Control *control, const FeedSet *set, const FeedStep *step, size_t room, Edit **ret)
{
    ListEntry *before = list_get(control->lists[step->list], &step->prefix);
    const FeedItem *item = wanted(control, set, step->list, &step->prefix);
    _cleanup_(list_entry_unrefp) ListEntry *after = NULL;
    int r;

    *ret = NULL;
    if (before && (!before->from_feed || (item && is_as_wanted(before, set, item))))
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

    return list_capacity(l) + portion->removed[list] - list_count(l) - portion->added[list];
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
