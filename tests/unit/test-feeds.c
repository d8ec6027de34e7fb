/* SPDX-License-Identifier: MIT */
/* Feeds and hand-made entries on one list: files that change under a running control, with the
 * synthetic datapath behind it. */

#include "base/clock.h"
#include "control/control-internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct World {
    char base[64];
    char state[128];
    char folder[128];
    Config config;
    sd_event *event;
    Datapath *datapath;
    Control *control;
    size_t feed_reports, no_room, list_events;
} World;

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

static void start(World *w)
{
    ControlObserver observer = {on_list_changed, on_feeds_changed, on_storage_failed, w};
    StoreReport report = {};
    ConfigError error = {};

    cr_assert_eq(
            control_new(w->event, &w->config, w->datapath, &observer, &w->control, &report, &error),
            0, "%s", error.message);
}

static void write_feed(World *w, const char *name, const char *text)
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

static World *new_world(uint32_t capacity, const char *feed)
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

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void free_world(World *w)
{
    char command[128];

    control_free(w->control);
    datapath_free(w->datapath);
    sd_event_unref(w->event);
    snprintf(command, sizeof(command), "rm -rf '%s'", w->base);
    cr_assert_eq(system(command), 0);
    free(w);
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}

/* Runs the loop until the feeds have told something `times` more, and the disk is quiet. */
static void wait_for_feeds(World *w, size_t times)
{
    size_t wanted = w->feed_reports + times;

    while (w->feed_reports < wanted || w->control->writing)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0, "nothing happens");
}

static ListEntry *entry_of(World *w, const char *text)
{
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0);
    return list_get(control_list(w->control, LIST_BLACKLIST), &prefix);
}

typedef struct Answer {
    bool there;
    ControlError error;
    char message[512];
} Answer;

static void on_done(const CommandResult *result, void *userdata)
{
    Answer *answer = userdata;

    answer->there = true;
    answer->error = result->error;
    snprintf(
            answer->message, sizeof(answer->message), "%s", result->message ? result->message : "");
}

static Answer run(World *w, CommandVerb verb, const char *address)
{
    Command command = {.list = LIST_BLACKLIST,
            .verb = verb,
            .address = address,
            .caller = {.transport = TRANSPORT_HTTP, .uid = 0}};
    Answer answer = {};

    cr_assert_eq(control_submit(w->control, &command, NULL, on_done, &answer), 0);
    while (!answer.there)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0);
    return answer;
}

static size_t count(World *w)
{
    return list_count(control_list(w->control, LIST_BLACKLIST));
}

/* By another reader of the file. */
static size_t count_in_file(World *w)
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
static void assert_datapath_agrees(World *w)
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

Test(feeds, a_file_is_on_the_list_from_the_start)
{
    World *w = new_world(1024, "203.0.113.7 # bad guy\n198.51.100.0/24\nnonsense\n");

    cr_assert_eq(count(w), 2);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "a.list");
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->comment, "bad guy");
    assert_datapath_agrees(w);
    wait_for_feeds(w, 1);
    cr_assert_eq(control_feeds(w->control)->files[0]->problems, 1);
    cr_assert_neq(access(w->state, F_OK), 0); /* a feed is no reason to write */
    free_world(w);
}

Test(feeds, changed_new_and_removed_files_are_noticed)
{
    World *w = new_world(1024, NULL);
    char path[256];

    write_feed(w, "a.list", "203.0.113.7\n203.0.113.8\n");
    wait_for_feeds(w, 1);
    cr_assert_eq(count(w), 2);
    write_feed(w, "a.list", "203.0.113.8\n203.0.113.9\n");
    wait_for_feeds(w, 1);
    cr_assert_null(entry_of(w, "203.0.113.7"));
    cr_assert(entry_of(w, "203.0.113.9"));
    write_feed(w, "b.list", "203.0.113.9\n203.0.113.10\n");
    wait_for_feeds(w, 1);
    cr_assert_str_eq(entry_of(w, "203.0.113.9")->origin, "a.list");
    snprintf(path, sizeof(path), "%s/a.list", w->folder);
    cr_assert_eq(unlink(path), 0);
    wait_for_feeds(w, 1);
    cr_assert_eq(count(w), 2);
    cr_assert_str_eq(entry_of(w, "203.0.113.9")->origin, "b.list"); /* never gone */
    assert_datapath_agrees(w);
    free_world(w);
}

Test(feeds, what_is_made_by_hand_stands_before_them)
{
    World *w = new_world(1024, "203.0.113.7 # of the feed\n");
    Answer answer;

    answer = run(w, COMMAND_REMOVE, "203.0.113.7");
    cr_assert_eq(answer.error, CONTROL_FROM_FEED);
    cr_assert(strstr(answer.message, "a.list"), "%s", answer.message);
    cr_assert_eq(run(w, COMMAND_ADD, "203.0.113.7").error, CONTROL_OK);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "manual");
    cr_assert_eq(count_in_file(w), 1);
    answer = run(w, COMMAND_REMOVE, "203.0.113.7");
    cr_assert_eq(answer.error, CONTROL_OK);
    cr_assert(strstr(answer.message, "a.list has it too"), "%s", answer.message);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "a.list");
    cr_assert_eq(count_in_file(w), 0);
    assert_datapath_agrees(w);

    cr_assert_eq(run(w, COMMAND_ADD, "203.0.113.8").error, CONTROL_OK);
    write_feed(w, "a.list", "203.0.113.8\n");
    wait_for_feeds(w, 1);
    cr_assert_str_eq(entry_of(w, "203.0.113.8")->origin, "manual");
    write_feed(w, "a.list", "203.0.113.9\n");
    wait_for_feeds(w, 1);
    cr_assert(entry_of(w, "203.0.113.8"));
    cr_assert_eq(count(w), 2);
    assert_datapath_agrees(w);
    free_world(w);
}

Test(feeds, what_expires_leaves_the_feeds_entry)
{
    World *w = new_world(1024, "203.0.113.7\n");
    Command command = {.list = LIST_BLACKLIST,
            .verb = COMMAND_ADD,
            .address = "203.0.113.7",
            .ttl_sec = 60,
            .caller = {.transport = TRANSPORT_HTTP, .uid = 0}};
    Answer answer = {};

    cr_assert_eq(control_submit(w->control, &command, NULL, on_done, &answer), 0);
    while (!answer.there)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0);
    cr_assert_eq(expiry_run(w->control, clock_boottime_ns() + 61 * NSEC_PER_SEC), 1);
    while (w->control->writing)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "a.list");
    cr_assert_eq(entry_of(w, "203.0.113.7")->expires_boottime_ns, 0);
    assert_datapath_agrees(w);
    free_world(w);
}

Test(feeds, a_disk_that_refuses_takes_nothing_from_feeds)
{
    World *w = new_world(1024, "203.0.113.7\n");
    char inside[256];

    cr_assert_eq(mkdir(w->state, 0755), 0);
    snprintf(inside, sizeof(inside), "%s/x", w->state);
    cr_assert_eq(mkdir(inside, 0755), 0);
    cr_assert_eq(run(w, COMMAND_ADD, "203.0.113.7").error, CONTROL_STORAGE);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "a.list");
    cr_assert_eq(run(w, COMMAND_ADD, "203.0.113.8").error, CONTROL_STORAGE);
    cr_assert_null(entry_of(w, "203.0.113.8"));
    write_feed(w, "a.list", "203.0.113.8\n");
    wait_for_feeds(w, 1);
    cr_assert_eq(count(w), 1);
    assert_datapath_agrees(w);
    free_world(w);
}

Test(feeds, protected_addresses_are_left_out_and_told)
{
    World *w = new_world(1024, "224.0.0.0/3\n127.0.0.0/8\n203.0.113.7\n");
    const FeedFile *file = control_feeds(w->control)->files[0];

    cr_assert_eq(count(w), 1);
    cr_assert_eq(file->problems, 2);
    cr_assert(strstr(file->told[0], "a.list:2: 127.0.0.0/8 was left out"), "%s", file->told[0]);
    feeds_sync(w->control->feeds);
    cr_assert_eq(file->problems, 2, "counted anew, not again");
    free_world(w);
}

static char *numbered(size_t begin, size_t n)
{
    char *text = malloc(n * 20 + 1);
    size_t size = 0;

    for (size_t i = begin; i < begin + n; i++)
        size += (size_t)sprintf(
                text + size, "20.%zu.%zu.%zu\n", i >> 16 & 255, i >> 8 & 255, i & 255);
    return text;
}

Test(feeds, a_full_list_is_replaced_by_another)
{
    _cleanup_free_ char *one = numbered(0, 65536), *other = numbered(40000, 65536);
    World *w = new_world(65536, one);
    uint64_t begin_ns;

    cr_assert_eq(count(w), 65536);
    wait_for_feeds(w, 1);
    cr_assert_eq(w->no_room, 0);
    begin_ns = clock_monotonic_ns();
    write_feed(w, "a.list", other);
    wait_for_feeds(w, 1);
    cr_log_info("replaced in %.0f ms", (double)(clock_monotonic_ns() - begin_ns) / 1e6);
    cr_assert_eq(count(w), 65536);
    cr_assert(entry_of(w, "20.1.120.0"));
    cr_assert_null(entry_of(w, "20.0.0.1"));
    cr_assert_eq(w->list_events, 0, "too many to tell each");
    write_feed(w, "b.list", "203.0.113.7\n");
    wait_for_feeds(w, 1);
    cr_assert_eq(w->no_room, 1);
    assert_datapath_agrees(w);
    free_world(w);
}

Test(feeds, a_thousand_turns_leave_all_equal)
{
    _cleanup_free_ char *one = numbered(0, 300), *other = numbered(150, 300);
    World *w = new_world(1024, one);
    const char *folders[_LIST_MAX] = {[LIST_BLACKLIST] = w->folder};
    FeedSet *sets[2] = {};
    FeedPlan plan = {};

    cr_assert_eq(run(w, COMMAND_ADD, "20.0.0.200").error, CONTROL_OK);
    for (int i = 0; i < 2; i++) {
        write_feed(w, "a.list", i ? one : other);
        cr_assert_eq(feed_set_read(folders, 1024, NULL, &sets[i]), 0);
    }
    for (int i = 0; i < 1000; i++) {
        int r = 1;

        cr_assert_eq(feed_plan_make(&plan, w->control, sets[i % 2]), 0);
        while (r > 0)
            r = feed_plan_run(&plan, w->control, sets[i % 2]);
        cr_assert_eq(r, 0);
        cr_assert_eq(plan.report.added, 150);
        cr_assert_eq(plan.report.removed, 150);
    }
    cr_assert_eq(count(w), 300);
    cr_assert_eq(count_in_file(w), 1);
    assert_datapath_agrees(w);
    feed_plan_done(&plan);
    feed_set_free(sets[0]);
    feed_set_free(sets[1]);
    free_world(w);
}
