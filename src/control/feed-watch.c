/* SPDX-License-Identifier: MIT */
#include "control/feed-watch.h"

#include "base/clock.h"
#include "base/loop-timer.h"

#include <string.h>
#include <sys/inotify.h>

#define SETTLE_USEC (100 * USEC_PER_MSEC) /* files that come together are read together */
#define RETRY_USEC  (10 * USEC_PER_SEC)   /* a folder to appear, a kernel to take it */
#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |       \
            IN_MOVE_SELF | IN_MODIFY | IN_ONLYDIR)
/* After these a file is whole, or another one, or none. */
#define ENDS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

struct FeedWatch {
    sd_event *event;      /* borrowed */
    char *const *folders; /* borrowed */
    FeedWatchFn fn;
    void *userdata;
    sd_event_source *watches[_LIST_MAX];
    char *watched[_LIST_MAX]; /* the folders that are; owned */
    FeedNames written[_LIST_MAX];
    sd_event_source *settle; /* timer: call soon */
    sd_event_source *retry;  /* timer: look for folders that can't be watched yet, and call */
};

void feed_watch_soon(FeedWatch *watch)
{
    (void)loop_timer_set(watch->settle, SETTLE_USEC);
}

void feed_watch_later(FeedWatch *watch)
{
    (void)loop_timer_set(watch->retry, RETRY_USEC);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
    FeedWatch *watch = userdata;

    watch->fn(watch->userdata);
    return 0;
}

static ListId list_of(const FeedWatch *watch, const sd_event_source *source)
{
    return watch->watches[LIST_BLACKLIST] == source ? LIST_BLACKLIST : LIST_WHITELIST;
}

static void drop_watch(FeedWatch *watch, ListId list)
{
    watch->watches[list] = sd_event_source_disable_unref(watch->watches[list]);
    watch->written[list].n = 0;
    free(watch->watched[list]);
    watch->watched[list] = NULL;
}

static size_t find_name(const FeedNames *names, const char *name)
{
    size_t i = 0;

    while (i < names->n && strcmp(names->names[i], name) != 0)
        i++;
    return i;
}

static void note_written(FeedNames *names, const char *name)
{
    if (!feed_set_takes(name) || find_name(names, name) < names->n || names->n == FEED_FILES_MAX)
        return;
    snprintf(names->names[names->n++], sizeof(names->names[0]), "%s", name);
}

static void note_whole(FeedNames *names, const char *name)
{
    size_t i = find_name(names, name);

    if (i < names->n)
        memmove(names->names[i], names->names[--names->n], sizeof(names->names[0]));
}

/* What is being written is no news until it is closed. */
static bool is_news(FeedNames *written, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";

    if (event->mask & IN_Q_OVERFLOW)
        written->n = 0;
    if (event->mask & ENDS)
        note_whole(written, name);
    if (!(event->mask & IN_MODIFY))
        return true;
    note_written(written, name);
    return false;
}

static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    FeedWatch *watch = userdata;
    ListId list = list_of(watch, source);

    if (!is_news(&watch->written[list], event))
        return 0;
    feed_watch_soon(watch);
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        drop_watch(watch, list);
        feed_watch_later(watch);
    }
    return 0;
}

/* Those that are not watched yet. */
static void watch_folders(FeedWatch *watch)
{
    bool all = true;

    for (ListId list = 0; list < _LIST_MAX; list++) {
        if (!watch->folders[list][0] || watch->watches[list])
            continue;
        if (!watch->watched[list])
            watch->watched[list] = strdup(watch->folders[list]);
        if (!watch->watched[list] || sd_event_add_inotify(watch->event, &watch->watches[list],
                                             watch->folders[list], CHANGES, on_change, watch) < 0) {
            drop_watch(watch, list);
            all = false;
        }
    }
    if (!all)
        feed_watch_later(watch);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    FeedWatch *watch = userdata;

    watch_folders(watch);
    feed_watch_soon(watch);
    return 0;
}

/* The new watch is there before the old one goes: of the same folder not one change is missed. */
void feed_watch_restart(FeedWatch *watch)
{
    sd_event_source *old[_LIST_MAX];

    for (ListId list = 0; list < _LIST_MAX; list++) {
        if (watch->watched[list] && strcmp(watch->watched[list], watch->folders[list]) != 0)
            drop_watch(watch, list);
        old[list] = TAKE_PTR(watch->watches[list]);
    }
    watch_folders(watch);
    for (ListId list = 0; list < _LIST_MAX; list++)
        sd_event_source_disable_unref(old[list]);
}

const FeedNames *feed_watch_written(const FeedWatch *watch, ListId list)
{
    return &watch->written[list];
}

int feed_watch_new(
        sd_event *event, char *const *folders, FeedWatchFn fn, void *userdata, FeedWatch **ret)
{
    _cleanup_(feed_watch_freep) FeedWatch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    *watch = (FeedWatch){.event = event, .folders = folders, .fn = fn, .userdata = userdata};
    r = loop_timer_new(event, on_settled, watch, &watch->settle);
    if (r >= 0)
        r = loop_timer_new(event, on_retry, watch, &watch->retry);
    if (r >= 0)
        *ret = TAKE_PTR(watch);
    return r;
}

FeedWatch *feed_watch_free(FeedWatch *watch)
{
    if (!watch)
        return NULL;
    for (ListId list = 0; list < _LIST_MAX; list++)
        drop_watch(watch, list);
    sd_event_source_disable_unref(watch->settle);
    sd_event_source_disable_unref(watch->retry);
    free(watch);
    return NULL;
}
