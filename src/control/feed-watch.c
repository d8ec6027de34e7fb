/* SPDX-License-Identifier: MIT */
#include "control/feed-watch.h"

#include "base/clock.h"
#include "base/loop-timer.h"

#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#define SETTLE_USEC (100 * USEC_PER_MSEC) /* files that come together are read together */
#define RETRY_USEC  (10 * USEC_PER_SEC)   /* a folder to appear, a kernel to take it */
#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |       \
            IN_MOVE_SELF | IN_MODIFY | IN_ONLYDIR)
/* After these a file is whole, or another one, or none. */
#define ENDS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

struct FeedWatch {
    char *const *folders; /* borrowed */
    FeedWatchFn fn;
    void *userdata;
    int fd; /* inotify(7) */
    sd_event_source *changes;
    int watches[_LIST_MAX];   /* of fd; -1: none */
    char *watched[_LIST_MAX]; /* the folders that are; owned */
    FeedNames written[_LIST_MAX];
    uint64_t begun;
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

/* Both lists may have the same folder, and then have the same watch. */
static void remove_watch(FeedWatch *watch, int descriptor)
{
    bool used = descriptor < 0;

    for (ListId list = 0; list < _LIST_MAX; list++)
        used = used || watch->watches[list] == descriptor;
    if (!used)
        (void)inotify_rm_watch(watch->fd, descriptor);
}

static void drop_watch(FeedWatch *watch, ListId list)
{
    int descriptor = watch->watches[list];

    watch->watches[list] = -1;
    remove_watch(watch, descriptor);
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

/* True if it is noted anew. */
static bool note_written(FeedNames *names, const char *name)
{
    if (!feed_set_takes(name) || find_name(names, name) < names->n || names->n == FEED_FILES_MAX)
        return false;
    snprintf(names->names[names->n++], sizeof(names->names[0]), "%s", name);
    return true;
}

static void note_whole(FeedNames *names, const char *name)
{
    size_t i = find_name(names, name);

    if (i < names->n)
        memmove(names->names[i], names->names[--names->n], sizeof(names->names[0]));
}

/* What is being written is no news until it is closed. */
static bool is_news(FeedWatch *watch, ListId list, const struct inotify_event *event)
{
    FeedNames *written = &watch->written[list];
    const char *name = event->len > 0 ? event->name : "";

    if (event->mask & IN_Q_OVERFLOW) {
        written->n = 0;
        watch->begun++; /* one of those that were not told of, perhaps */
    }
    if (event->mask & ENDS)
        note_whole(written, name);
    if (!(event->mask & IN_MODIFY))
        return true;
    watch->begun += note_written(written, name);
    return false;
}

static void on_change(FeedWatch *watch, ListId list, const struct inotify_event *event)
{
    if (!is_news(watch, list, event))
        return;
    feed_watch_soon(watch);
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        drop_watch(watch, list);
        feed_watch_later(watch);
    }
}

/* One buffer full. Returns its bytes. */
static size_t take_changes(FeedWatch *watch)
{
    union {
        struct inotify_event event;
        char bytes[4096]; /* the longest name fits */
    } buffer;
    ssize_t size = read(watch->fd, &buffer, sizeof(buffer));
    const struct inotify_event *event;

    for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(*event) + event->len)) {
        event = (const void *)(buffer.bytes + at);
        for (ListId list = 0; list < _LIST_MAX; list++)
            if (watch->watches[list] == event->wd || (event->mask & IN_Q_OVERFLOW))
                on_change(watch, list, event);
    }
    return size > 0 ? (size_t)size : 0;
}

static int on_changes(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void)take_changes(userdata);
    return 0;
}

/* What comes while it is at it is left for later, or it might never end. */
void feed_watch_catch_up(FeedWatch *watch)
{
    int queued = 0;
    size_t size;

    (void)ioctl(watch->fd, FIONREAD, &queued);
    while (queued > 0 && (size = take_changes(watch)) > 0)
        queued -= (int)size;
}

/* Those that are not watched yet. */
static void watch_folders(FeedWatch *watch)
{
    bool all = true;

    for (ListId list = 0; list < _LIST_MAX; list++) {
        if (!watch->folders[list][0] || watch->watches[list] >= 0)
            continue;
        if (!watch->watched[list])
            watch->watched[list] = strdup(watch->folders[list]);
        if (watch->watched[list])
            watch->watches[list] = inotify_add_watch(watch->fd, watch->folders[list], CHANGES);
        if (watch->watches[list] < 0) {
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

/* The new watch is there before the old one goes: of the same folder, of which it is the same one,
 * not one change is missed. */
void feed_watch_restart(FeedWatch *watch)
{
    int old[_LIST_MAX];

    for (ListId list = 0; list < _LIST_MAX; list++)
        if (watch->watched[list] && strcmp(watch->watched[list], watch->folders[list]) != 0)
            drop_watch(watch, list);
    for (ListId list = 0; list < _LIST_MAX; list++) {
        old[list] = watch->watches[list];
        watch->watches[list] = -1;
    }
    watch_folders(watch);
    for (ListId list = 0; list < _LIST_MAX; list++)
        remove_watch(watch, old[list]);
}

const FeedNames *feed_watch_written(const FeedWatch *watch, ListId list)
{
    return &watch->written[list];
}

uint64_t feed_watch_begun(const FeedWatch *watch)
{
    return watch->begun;
}

static int open_changes(FeedWatch *watch, sd_event *event)
{
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        return -errno;
    return sd_event_add_io(event, &watch->changes, watch->fd, EPOLLIN, on_changes, watch);
}

int feed_watch_new(
        sd_event *event, char *const *folders, FeedWatchFn fn, void *userdata, FeedWatch **ret)
{
    _cleanup_(feed_watch_freep) FeedWatch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    *watch = (FeedWatch){.folders = folders, .fn = fn, .userdata = userdata};
    for (ListId list = 0; list < _LIST_MAX; list++)
        watch->watches[list] = -1;
    r = open_changes(watch, event);
    if (r >= 0)
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
    sd_event_source_disable_unref(watch->changes);
    safe_close(watch->fd);
    sd_event_source_disable_unref(watch->settle);
    sd_event_source_disable_unref(watch->retry);
    free(watch);
    return NULL;
}
