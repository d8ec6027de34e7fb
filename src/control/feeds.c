/* SPDX-License-Identifier: MIT */
/* Something changed -> a moment later a worker reads all files -> a plan -> portions of it, one
 * each turn of the loop. At most one reading is under way; what changes meanwhile is read after it.
 * The set in force is freed only while no reading looks at it. */

#include "control/feeds.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/control-internal.h"

#include <string.h>
#include <sys/inotify.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SETTLE_USEC (100 * USEC_PER_MSEC) /* files that come together are read together */
#define RETRY_USEC  (10 * USEC_PER_SEC)   /* a folder to appear, a kernel to take it */
#define END_USEC    (2 * USEC_PER_SEC)
#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |       \
            IN_MOVE_SELF | IN_ONLYDIR)

struct Feeds {
    Control *control;
    char *folders[_LIST_MAX]; /* owned; "" = none */
    sd_event_source *watches[_LIST_MAX];
    sd_event_source *settle; /* timer: read soon */
    sd_event_source *retry;  /* timer: folders that can't be watched yet */
    sd_event_source *apply;  /* the next portion */
    Worker *worker;
    bool reading;
    bool stale; /* changed while it was read */
    FeedSet *set;
    FeedPlan plan;
    uint64_t told; /* hash of the problems told last */
};

/* --- reading
 * ---------------------------------------------------------------------------------------- */

typedef struct ReadJob {
    Feeds *feeds;
    const FeedSet *previous; /* borrowed */
    char *folders[_LIST_MAX];
    size_t items_max;
    FeedSet *set;
} ReadJob;

static ReadJob *read_job_free(ReadJob *job)
{
    if (!job)
        return NULL;
    for (ListId list = 0; list < _LIST_MAX; list++)
        free(job->folders[list]);
    feed_set_free(job->set);
    free(job);
    return NULL;
}
DEFINE_CLEANUP(ReadJob *, read_job_free);

static int read_job_new(Feeds *feeds, ReadJob **ret)
{
    _cleanup_(read_job_freep) ReadJob *job = calloc(1, sizeof(*job));

    if (!job)
        return -ENOMEM;
    job->feeds = feeds;
    job->previous = feeds->set;
    job->items_max = list_capacity(feeds->control->lists[LIST_BLACKLIST]);
    for (ListId list = 0; list < _LIST_MAX; list++) {
        job->folders[list] = strdup(feeds->folders[list]);
        if (!job->folders[list])
            return -ENOMEM;
    }
    *ret = TAKE_PTR(job);
    return 0;
}

static int read_run(void *data)
{
    ReadJob *job = data;

    return feed_set_read(
            (const char *const *)job->folders, job->items_max, job->previous, &job->set);
}

static void set_timer(sd_event_source *timer, uint64_t usec)
{
    int r = sd_event_source_set_time_relative(timer, usec);

    if (r >= 0)
        r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
    if (r < 0)
        log_error("Could not set a timer for the feeds: %s", strerror(-r));
}

static void read_soon(Feeds *feeds)
{
    if (feeds->reading)
        feeds->stale = true;
    else
        set_timer(feeds->settle, SETTLE_USEC);
}

static void read_done(void *data, int result)
{
    _cleanup_(read_job_freep) ReadJob *job = data;
    Feeds *feeds = job->feeds;

    feeds->reading = false;
    if (result >= 0) {
        feed_plan_done(&feeds->plan);
        feed_set_free(feeds->set);
        feeds->set = TAKE_PTR(job->set);
        feeds_sync(feeds);
    } else {
        log_error("Could not read the feeds: %s; trying again", strerror(-result));
        set_timer(feeds->retry, RETRY_USEC);
    }
    if (feeds->stale)
        read_soon(feeds);
    feeds->stale = false;
}

static int start_reading(Feeds *feeds)
{
    _cleanup_(read_job_freep) ReadJob *job = NULL;
    int r = read_job_new(feeds, &job);

    if (r >= 0)
        r = worker_submit(feeds->worker, read_run, read_done, job);
    if (r < 0)
        return r;
    TAKE_PTR(job);
    feeds->reading = true;
    return 0;
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
    Feeds *feeds = userdata;
    int r = start_reading(feeds);

    if (r < 0) {
        log_error("Could not begin to read the feeds: %s; trying again", strerror(-r));
        set_timer(feeds->retry, RETRY_USEC);
    }
    return 0;
}

/* --- watching
 * ------------------------------------------------------------------------------------------ */

static ListId list_of(const Feeds *feeds, const sd_event_source *watch)
{
    return feeds->watches[LIST_BLACKLIST] == watch ? LIST_BLACKLIST : LIST_WHITELIST;
}

static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    Feeds *feeds = userdata;
    ListId list = list_of(feeds, source);

    read_soon(feeds);
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        feeds->watches[list] = sd_event_source_disable_unref(feeds->watches[list]);
        set_timer(feeds->retry, RETRY_USEC);
    }
    return 0;
}

/* True if every folder is watched. */
static bool watch_folders(Feeds *feeds)
{
    bool all = true;

    for (ListId list = 0; list < _LIST_MAX; list++) {
        if (!feeds->folders[list][0] || feeds->watches[list])
            continue;
        if (sd_event_add_inotify(feeds->control->event, &feeds->watches[list], feeds->folders[list],
                    CHANGES, on_change, feeds) < 0)
            all = false;
    }
    return all;
}

/* A folder that isn't there yet is no fault: it is looked for from time to time. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    Feeds *feeds = userdata;

    if (!watch_folders(feeds))
        set_timer(feeds->retry, RETRY_USEC);
    read_soon(feeds);
    return 0;
}

/* --- applying
 * ------------------------------------------------------------------------------------------ */

static uint64_t hash_of_problems(const FeedSet *set)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < set->n_files; i++) {
        const FeedFile *file = set->files[i];

        for (size_t k = 0; k < MIN_OF(file->problems, (size_t)FEED_PROBLEMS_MAX); k++)
            hash = XXH3_64bits_withSeed(
                    file->told[k], strlen(file->told[k]), hash + file->problems);
    }
    return hash;
}

static void tell(Feeds *feeds)
{
    FeedsReport *report = &feeds->plan.report;
    uint64_t hash = hash_of_problems(feeds->set) + report->no_room;

    report->problems_changed = hash != feeds->told;
    feeds->told = hash;
    if (feeds->control->observer.feeds_changed &&
            (report->added + report->removed > 0 || report->problems_changed))
        feeds->control->observer.feeds_changed(report, feeds->control->observer.userdata);
}

static int on_apply(sd_event_source *source, void *userdata)
{
    Feeds *feeds = userdata;
    int r = feed_plan_run(&feeds->plan, feeds->control, feeds->set);

    if (r > 0)
        return 0;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (r < 0) {
        log_error("Could not apply the feeds: %s; trying again", strerror(-r));
        set_timer(feeds->retry, RETRY_USEC);
    } else
        tell(feeds);
    return 0;
}

void feeds_sync(Feeds *feeds)
{
    int r;

    if (!feeds || !feeds->apply)
        return;
    r = feed_plan_make(&feeds->plan, feeds->control, feeds->set);
    if (r >= 0)
        r = sd_event_source_set_enabled(feeds->apply, SD_EVENT_ON);
    if (r < 0) {
        log_error("Could not compare the lists with the feeds: %s; trying again", strerror(-r));
        set_timer(feeds->retry, RETRY_USEC);
    }
}

ListEntry *feeds_instead_of(Control *control, ListId list, const ListEntry *entry)
{
    ListEntry *instead = NULL;

    if (!control->feeds || !entry || entry->from_feed ||
            feed_entry_new(control, control->feeds->set, list, &entry->prefix, &instead) < 0)
        return NULL;
    if (instead)
        instead->slot = entry->slot;
    return instead;
}

const FeedSet *feeds_set(const Feeds *feeds)
{
    return feeds ? feeds->set : NULL;
}

/* --- start, end
 * ------------------------------------------------------------------------------------- */

static int take_folders(char *folders[static _LIST_MAX], const Config *config)
{
    const char *paths[_LIST_MAX] = {
            [LIST_BLACKLIST] = config->feeds.blacklist_folder,
            [LIST_WHITELIST] = config->feeds.whitelist_folder,
    };
    char *copies[_LIST_MAX] = {};
    bool complete = true;

    for (ListId list = 0; list < _LIST_MAX; list++) {
        copies[list] = strdup(paths[list] ? paths[list] : "");
        complete = complete && copies[list];
    }
    for (ListId list = 0; list < _LIST_MAX; list++) {
        free(complete ? folders[list] : copies[list]);
        if (complete)
            folders[list] = copies[list];
    }
    return complete ? 0 : -ENOMEM;
}

int feeds_new(Control *control, const Config *config, Feeds **ret)
{
    _cleanup_(feeds_freep) Feeds *feeds = calloc(1, sizeof(*feeds));
    int r = feeds ? take_folders(feeds->folders, config) : -ENOMEM;

    if (r < 0)
        return r;
    feeds->control = control;
    r = feed_set_read((const char *const *)feeds->folders,
            list_capacity(control->lists[LIST_BLACKLIST]), NULL, &feeds->set);
    if (r >= 0)
        *ret = TAKE_PTR(feeds);
    return r;
}

/* The worker goes first: it may be looking at the set. */
Feeds *feeds_free(Feeds *feeds)
{
    if (!feeds)
        return NULL;
    worker_free_timeout(feeds->worker, END_USEC);
    for (ListId list = 0; list < _LIST_MAX; list++) {
        sd_event_source_disable_unref(feeds->watches[list]);
        free(feeds->folders[list]);
    }
    sd_event_source_disable_unref(feeds->settle);
    sd_event_source_disable_unref(feeds->retry);
    sd_event_source_disable_unref(feeds->apply);
    feed_plan_done(&feeds->plan);
    if (!feeds->reading)
        feed_set_free(feeds->set);
    free(feeds);
    return NULL;
}

int feeds_fill(Feeds *feeds)
{
    Control *control = feeds->control;
    int r = feed_plan_make(&feeds->plan, control, feeds->set);

    for (size_t i = 0; i < feeds->plan.count && r >= 0; i++) {
        const FeedStep *step = &feeds->plan.steps[i];
        _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;

        r = feed_entry_new(control, feeds->set, step->list, &step->prefix, &entry);
        if (r >= 0 && entry)
            r = list_add(control->lists[step->list], entry);
        feeds->plan.report.added += r >= 0;
        if (r == -ENOSPC) {
            feeds->plan.report.no_room++;
            r = 0;
        }
    }
    feeds->plan.next = feeds->plan.count;
    return r;
}

int feeds_start(Feeds *feeds)
{
    sd_event *event = feeds->control->event;
    int r = worker_new(event, "ntc-feeds", 1, &feeds->worker);

    if (r >= 0)
        r = sd_event_add_time_relative(
                event, &feeds->settle, CLOCK_MONOTONIC, 0, 0, on_settled, feeds);
    if (r >= 0)
        r = sd_event_source_set_enabled(feeds->settle, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(
                event, &feeds->retry, CLOCK_MONOTONIC, RETRY_USEC, 0, on_retry, feeds);
    if (r >= 0)
        r = sd_event_source_set_enabled(feeds->retry, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(event, &feeds->apply, on_apply, feeds);
    if (r < 0)
        return r;
    if (!watch_folders(feeds))
        set_timer(feeds->retry, RETRY_USEC);
    return 0; /* the first turn of the loop tells what was read */
}

int feeds_reload(Feeds *feeds, const Config *config)
{
    int r = take_folders(feeds->folders, config);

    if (r < 0)
        return r;
    for (ListId list = 0; list < _LIST_MAX; list++)
        feeds->watches[list] = sd_event_source_disable_unref(feeds->watches[list]);
    if (!watch_folders(feeds))
        set_timer(feeds->retry, RETRY_USEC);
    read_soon(feeds);
    return 0;
}
