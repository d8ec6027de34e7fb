/* SPDX-License-Identifier: MIT */
#include "control/feed-plan.h"

#include "control/control-internal.h"

#include <string.h>

#define BY_HAND_SHARE 64 /* see feed_room() */

/* --- what is wanted */

static ProtectReason protection(
        const Control *control, ListId list, const Prefix *prefix, Address *ret_hit)
{
    return list == LIST_BLACKLIST ? protected_check_feed(control->protected, prefix, ret_hit)
                                  : PROTECT_NONE;
}

const FeedItem *feed_wanted(
        const Control *control, const FeedSet *set, ListId list, const Prefix *prefix)
{
    const FeedItem *item = feed_set_find(set, list, prefix);
    Address hit;

    return item && protection(control, list, prefix, &hit) == PROTECT_NONE ? item : NULL;
}

bool feed_entry_is_as_wanted(const ListEntry *entry, const FeedSet *set, const FeedItem *item)
{
    return strcmp(entry->origin, feed_set_file(set, item)->name) == 0 &&
           strcmp(entry->comment, feed_set_comment(set, item)) == 0;
}

int feed_entry_new(
        Control *control, const FeedSet *set, ListId list, const Prefix *prefix, ListEntry **ret)
{
    const FeedItem *item = feed_wanted(control, set, list, prefix);
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

/* --- the plan */

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

/* And changes of what is there, which need no room: *ret_new counts only the others. */
static int plan_additions(
        FeedPlan *plan, Control *control, FeedSet *set, ListId list, size_t *ret_new)
{
    int r = 0;

    for (size_t i = 0; i < set->n_items[list] && r >= 0; i++) {
        const FeedItem *item = &set->items[list][i];
        const ListEntry *entry = list_get(control->lists[list], &item->prefix);
        Address hit;
        ProtectReason reason = protection(control, list, &item->prefix, &hit);

        if (reason != PROTECT_NONE)
            tell_protected(set, item, reason, hit);
        else if (!entry || (entry->from_feed && !feed_entry_is_as_wanted(entry, set, item))) {
            r = plan_step(plan, list, &item->prefix);
            *ret_new += !entry;
        }
    }
    return r;
}

static int plan_removals(FeedPlan *plan, Control *control, const FeedSet *set, ListId list)
{
    int r = 0;

    for (ListEntry *e = list_first(control->lists[list]); e && r >= 0;
            e = list_next(control->lists[list], e))
        if (e->from_feed && !feed_wanted(control, set, list, &e->prefix))
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

size_t feed_room(const List *list, size_t held)
{
    size_t limit = list_capacity(list) - list_capacity(list) / BY_HAND_SHARE;

    return held < limit ? limit - held : 0;
}

static int plan_list(FeedPlan *plan, Control *control, FeedSet *set, ListId list)
{
    const List *now = control->lists[list];
    size_t begin = plan->count, added = 0;
    int r = plan_additions(plan, control, set, list, &added);
    bool fits = added <= feed_room(now, list_count(now));

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
