/* SPDX-License-Identifier: MIT */
/* Something changed -> a moment later a worker reads all files -> a plan -> portions of it, one
 * each turn of the loop. At most one reading is under way; what changes meanwhile is read after it.
 * The set in force is freed only while no reading looks at it. */

#include "control/feeds.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/control-internal.h"
#include "control/feed-plan.h"
#include "control/feed-watch.h"

#include <string.h>

#define END_USEC      (2 * USEC_PER_SEC)
#define DISCARDED_MAX 8 /* readings in a row */

struct Feeds {
    Control *control;
    char *folders[_LIST_MAX]; /* owned; "" = none */
    FeedWatch *watch;
    sd_event_source *apply; /* the next portion */
    Worker *worker;
    bool reading;
    bool stale;         /* changed while it was read */
    unsigned discarded; /* readings in a row */
    FeedSet *set;
    FeedPlan plan;
    uint64_t told; /* hash of the problems told last */
};

/* --- reading */

typedef struct ReadJob {
    Feeds *feeds;
    const FeedSet *previous; /* borrowed */
    char *folders[_LIST_MAX];
    FeedNames written[_LIST_MAX];
    uint64_t begun; /* files, when it began */
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
    feed_watch_catch_up(feeds->watch);
    job->feeds = feeds;
    job->begun = feed_watch_begun(feeds->watch);
    job->previous = feeds->set;
    job->items_max = list_capacity(feeds->control->lists[LIST_BLACKLIST]);
    for (ListId list = 0; list < _LIST_MAX; list++) {
        job->written[list] = *feed_watch_written(feeds->watch, list);
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

    return feed_set_read((const char *const *)job->folders, job->items_max, job->written,
            job->previous, &job->set);
}

/* Of a file that somebody began to write meanwhile half may have been read. Those who never pause
 * don't keep all other files from being read for ever: at last what was read counts. */
static bool discard(Feeds *feeds, const ReadJob *job)
{
    feed_watch_catch_up(feeds->watch);
    if (feed_watch_begun(feeds->watch) == job->begun) {
        feeds->discarded = 0;
        return false;
    }
    feed_watch_soon(feeds->watch);
    feeds->discarded = (feeds->discarded + 1) % (DISCARDED_MAX + 1);
    return feeds->discarded != 0;
}

static void take_set(Feeds *feeds, FeedSet *set)
{
    feed_plan_done(&feeds->plan);
    feed_set_free(feeds->set);
    feeds->set = set;
    feeds_sync(feeds);
}

static void read_done(void *data, int result)
{
    _cleanup_(read_job_freep) ReadJob *job = data;
    Feeds *feeds = job->feeds;

    feeds->reading = false;
    if (result < 0) {
        log_error("Could not read the feeds: %s; trying again", strerror(-result));
        feed_watch_later(feeds->watch);
    } else if (!discard(feeds, job))
        take_set(feeds, TAKE_PTR(job->set));
    if (feeds->stale)
        feed_watch_soon(feeds->watch);
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

static void on_changed(void *userdata)
{
    Feeds *feeds = userdata;
    int r;

    if (feeds->reading) {
        feeds->stale = true;
        return;
    }
    r = start_reading(feeds);
    if (r < 0) {
        log_error("Could not begin to read the feeds: %s; trying again", strerror(-r));
        feed_watch_later(feeds->watch);
    }
}

/* --- applying */

static void tell(Feeds *feeds)
{
    FeedsReport *report = &feeds->plan.report;
    uint64_t hash = feed_set_problems_hash(feeds->set) + report->no_room;

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
        feed_watch_later(feeds->watch);
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
        feed_watch_later(feeds->watch);
    }
}

ListEntry *feeds_entry(Control *control, ListId list, const Prefix *prefix)
{
    ListEntry *entry = NULL;

    if (!control->feeds || feed_entry_new(control, control->feeds->set, list, prefix, &entry) < 0)
        return NULL;
    return entry;
}

ListEntry *feeds_instead_of(Control *control, ListId list, const ListEntry *entry)
{
    ListEntry *instead;

    if (!entry || entry->from_feed)
        return NULL;
    instead = feeds_entry(control, list, &entry->prefix);
    if (instead)
        instead->slot = entry->slot;
    return instead;
}

const FeedSet *feeds_set(const Feeds *feeds)
{
    return feeds ? feeds->set : NULL;
}

/* --- start, end */

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
            list_capacity(control->lists[LIST_BLACKLIST]), NULL, NULL, &feeds->set);
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
    feed_watch_free(feeds->watch);
    for (ListId list = 0; list < _LIST_MAX; list++)
        free(feeds->folders[list]);
    sd_event_source_disable_unref(feeds->apply);
    feed_plan_done(&feeds->plan);
    if (!feeds->reading)
        feed_set_free(feeds->set);
    free(feeds);
    return NULL;
}

int feeds_fill(Feeds *feeds)
{
    int r = feed_plan_make(&feeds->plan, feeds->control, feeds->set);

    return r < 0 ? r : feed_plan_fill(&feeds->plan, feeds->control, feeds->set);
}

int feeds_start(Feeds *feeds)
{
    sd_event *event = feeds->control->event;
    int r = worker_new(event, "ntc-feeds", 1, &feeds->worker);

    if (r >= 0)
        r = feed_watch_new(event, feeds->folders, on_changed, feeds, &feeds->watch);
    if (r >= 0)
        r = sd_event_add_defer(event, &feeds->apply, on_apply, feeds);
    if (r < 0)
        return r;
    feed_watch_restart(feeds->watch);
    feed_watch_soon(feeds->watch); /* what changed between the first reading and the watch */
    return 0;                      /* the first turn of the loop tells what was read */
}

int feeds_reload(Feeds *feeds, const Config *config)
{
    int r = take_folders(feeds->folders, config);

    if (r < 0)
        return r;
    feed_watch_restart(feeds->watch);
    feed_watch_soon(feeds->watch);
    return 0;
}
