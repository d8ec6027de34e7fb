/* SPDX-License-Identifier: MIT */
#pragma once

/* Keeps the lists in line with the feeds' files. The files are watched (inotify(7)) and read anew
 * by a worker; what differs from the lists is applied in portions, so that the loop is never held
 * up for long and entries that stay are never missing. Entries made by hand stand before those of
 * feeds, and protected addresses are left out.
 *
 * Private to control, which owns it. In tests without folders it does nothing. */

#include "config/config.h"
#include "control/control.h"
#include "control/feed-set.h"

typedef struct Feeds Feeds;

/* Reads the folders, and waits for it. */
int feeds_new(Control *control, const Config *config, Feeds **ret);
Feeds *feeds_free(Feeds *feeds);
DEFINE_CLEANUP(Feeds *, feeds_free);

/* At the start: what the files say, into the lists, which the datapath has yet to be given. */
int feeds_fill(Feeds *feeds);
/* Begins to watch, and tells what was read. */
int feeds_start(Feeds *feeds);
/* Other folders, and all is read anew. -ENOMEM: nothing changed. */
int feeds_reload(Feeds *feeds, const Config *config);

/* Brings the lists in line with what was read last. Takes NULL. */
void feeds_sync(Feeds *feeds);

/* What a feed wants of a prefix, with no slot yet; NULL if nothing (or no memory). The caller's
 * reference. */
ListEntry *feeds_entry(Control *control, ListId list, const Prefix *prefix);
/* What a feed puts in the place of `entry`, which is about to go, under the same slot; NULL if
 * nothing (or no memory: a later sync finds it). The caller's reference. Takes a NULL entry. */
ListEntry *feeds_instead_of(Control *control, ListId list, const ListEntry *entry);

const FeedSet *feeds_set(const Feeds *feeds);
