/* SPDX-License-Identifier: MIT */
#pragma once

/* Says when the feeds' folders are to be read: a moment after something in one of them changed
 * (inotify(7)), so that files that come together are read together, and some seconds after somebody
 * asked to try again. A folder that isn't there is no fault: it is looked for from time to time.
 *
 * Private to feeds.c. */

#include "base/cleanup.h"
#include "control/feed-set.h"

#include <systemd/sd-event.h>

typedef struct FeedWatch FeedWatch;

typedef void (*FeedWatchFn)(void *userdata);

/* `event` and `folders` ("" = none) are borrowed; what the latter hold may change before a
 * feed_watch_restart(). Watches nothing until then. */
int feed_watch_new(
        sd_event *event, char *const *folders, FeedWatchFn fn, void *userdata, FeedWatch **ret);
FeedWatch *feed_watch_free(FeedWatch *watch);
DEFINE_CLEANUP(FeedWatch *, feed_watch_free);

/* Watches what the folders are now. */
void feed_watch_restart(FeedWatch *watch);
/* The files of a list's folder that somebody has begun to write and not yet closed, as far as that
 * was seen. */
const FeedNames *feed_watch_written(const FeedWatch *watch, ListId list);
/* How often somebody began to write a file: what is read while this changes may be half of it. */
uint64_t feed_watch_begun(const FeedWatch *watch);
/* Takes notice of all that happened until now; the two above say what was noticed. */
void feed_watch_catch_up(FeedWatch *watch);

/* Call back in a moment, or in some seconds. */
void feed_watch_soon(FeedWatch *watch);
void feed_watch_later(FeedWatch *watch);
