/* SPDX-License-Identifier: MIT */
#pragma once

/* From what the feeds say to what the lists hold. One rule for each prefix, looked at when its turn
 * comes: made by hand, it stays; a feed wants it and it is missing or another feed's, it is put
 * there; no feed wants it any more, it goes. A plan only names the prefixes, so it may be old:
 * lists may change between two portions.
 *
 * Additions come first, where there is room, so that a network which replaces its parts leaves no
 * gap.
 *
 * Private to feeds.c. feed-plan.c decides, feeds-apply.c carries out. */

#include "control/control.h"

typedef struct FeedStep {
    ListId list;
    Prefix prefix;
} FeedStep;

/* What is to be looked at, and how far it has come. */
typedef struct FeedPlan {
    FeedStep *steps; /* owned */
    size_t count;
    size_t allocated;
    size_t next;
    FeedsReport report;
} FeedPlan;

/* Compares lists and set, whole. Protected addresses become problems of their files. */
int feed_plan_make(FeedPlan *plan, Control *control, FeedSet *set);
/* The next portion. 1: there is more, 0: done, -errno of the datapath: not a step further. */
int feed_plan_run(FeedPlan *plan, Control *control, const FeedSet *set);
/* The whole plan at once, straight into the lists: at the start, before the datapath has them.
 * -ENOMEM. */
int feed_plan_fill(FeedPlan *plan, Control *control, const FeedSet *set);
void feed_plan_done(FeedPlan *plan);

/* How many more entries of feeds a list of `held` entries may take. The last 64th of its capacity
 * is kept free for what people add by hand: a feed that grows must not be what keeps them from
 * blocking. */
size_t feed_room(const List *list, size_t held);

/* --- what is wanted of one prefix */

/* What a feed says about it; NULL if none wants it, or if it is protected. */
const FeedItem *feed_wanted(
        const Control *control, const FeedSet *set, ListId list, const Prefix *prefix);
bool feed_entry_is_as_wanted(const ListEntry *entry, const FeedSet *set, const FeedItem *item);
/* The entry that the set wants for a prefix, with no slot yet; 0 and NULL if it wants none. */
int feed_entry_new(
        Control *control, const FeedSet *set, ListId list, const Prefix *prefix, ListEntry **ret);
