/* SPDX-License-Identifier: MIT */
#include "feeds-world.h"

#include "leaks.h"

#include "base/clock.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void on_list_changed(const ListEvent *event, void *userdata)
{
    ((World *)userdata)->list_events++;
}

static void on_feeds_changed(const FeedsReport *report, void *userdata)
{
    World *w = userdata;

    w->feed_reports++;
    w->no_room = report->no_room;
}

static void on_storage_failed(const char *path, int error, size_t undone, void *userdata)
{
}

static void on_event(const PacketEvent *event, void *userdata)
{
}

void start(World *w)
{
    ControlObserver observer = {on_list_changed, on_feeds_changed, on_storage_failed, w};
    StoreReport report = {};
    ConfigError error = {};

    cr_assert_eq(
            control_new(w->event, &w->config, w->datapath, &observer, &w->control, &report, &error),
            0, "%s", error.message);
}

void write_feed(World *w, const char *name, const char *text)
{
    char temporary[256], path[256];
    FILE *file;

    snprintf(temporary, sizeof(temporary), "%s/.new", w->folder);
    snprintf(path, sizeof(path), "%s/%s", w->folder, name);
    file = fopen(temporary, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(rename(temporary, path), 0);
}

FILE *begin_feed(World *w, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", w->folder, name);
    file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fflush(file);
    return file;
}

World *new_world(uint32_t capacity, const char *feed)
{
    World *w = calloc(1, sizeof(*w));
    DatapathLimits limits = {capacity, 64, 64, 65536, false};
    MockOptions options = {0, 1};

    snprintf(w->base, sizeof(w->base), "/tmp/ntc-test-feeds-XXXXXX");
    cr_assert(mkdtemp(w->base));
    snprintf(w->state, sizeof(w->state), "%s/lists.json", w->base);
    snprintf(w->folder, sizeof(w->folder), "%s/blacklist.d", w->base);
    cr_assert_eq(mkdir(w->folder, 0755), 0);
    w->config.persistence.path = w->state;
    w->config.lists.capacity = capacity;
    w->config.feeds.blacklist_folder = w->folder;
    cr_assert_eq(sd_event_new(&w->event), 0);
    cr_assert_eq(datapath_new_mock(w->event, &limits, &options, on_event, w, &w->datapath), 0);
    if (feed)
        write_feed(w, "a.list", feed);
    start(w);
    return w;
}

void free_world(World *w)
{
    char command[128];

    control_free(w->control);
    datapath_free(w->datapath);
    sd_event_unref(w->event);
    snprintf(command, sizeof(command), "rm -rf '%s'", w->base);
    cr_assert_eq(system(command), 0);
    free(w);
    abort_on_leaks();
}

/* Runs the loop until the feeds have told something `times` more, and the disk is quiet. */
void wait_for_feeds(World *w, size_t times)
{
    size_t wanted = w->feed_reports + times;

    while (w->feed_reports < wanted || w->control->writing)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0, "nothing happens");
}

ListEntry *entry_of(World *w, const char *text)
{
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0);
    return list_get(control_list(w->control, LIST_BLACKLIST), &prefix);
}

static void on_done(const CommandResult *result, void *userdata)
{
    Answer *answer = userdata;

    answer->there = true;
    answer->error = result->error;
    snprintf(
            answer->message, sizeof(answer->message), "%s", result->message ? result->message : "");
}

Answer run_for(World *w, CommandVerb verb, const char *address, uint64_t ttl_sec)
{
    Command command = {.list = LIST_BLACKLIST,
            .verb = verb,
            .address = address,
            .ttl_sec = ttl_sec,
            .caller = {.transport = TRANSPORT_HTTP, .uid = 0}};
    Answer answer = {};

    cr_assert_eq(control_submit(w->control, &command, NULL, on_done, &answer), 0);
    while (!answer.there)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0);
    return answer;
}

Answer run(World *w, CommandVerb verb, const char *address)
{
    return run_for(w, verb, address, 0);
}

size_t count(World *w)
{
    return list_count(control_list(w->control, LIST_BLACKLIST));
}

/* By another reader of the file. */
size_t count_in_file(World *w)
{
    StoreClock now = {clock_boottime_ns(), clock_wall_ns(), clock_boot_id()};
    List *lists[_LIST_MAX];
    StoreReport report = {};
    size_t n;

    for (ListId id = 0; id < _LIST_MAX; id++)
        cr_assert_eq(list_new(id, 100000, &lists[id]), 0);
    cr_assert_eq(store_load(w->state, lists, &now, &report), 0);
    n = list_count(lists[LIST_BLACKLIST]);
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free(lists[id]);
    return n;
}

/* Has the datapath each entry under its slot, and no more? It refuses what isn't so. */
void assert_datapath_agrees(World *w)
{
    const List *list = control_list(w->control, LIST_BLACKLIST);

    for (ListEntry *e = list_first(list); e; e = list_next(list, e)) {
        ListChange change = {LIST_BLACKLIST, true, e->prefix, e->slot};

        cr_assert_eq(w->datapath->ops->apply_lists(w->datapath, &change, 1), -EEXIST);
    }
    for (ListEntry *e = list_first(list); e; e = list_next(list, e)) {
        ListChange changes[] = {{LIST_BLACKLIST, false, e->prefix, e->slot},
                {LIST_BLACKLIST, true, e->prefix, e->slot}};

        cr_assert_eq(w->datapath->ops->apply_lists(w->datapath, changes, 2), 0);
    }
}
