/* SPDX-License-Identifier: MIT */
/* Feeds and hand-made entries on one list: files that change under a running control, with the
 * synthetic datapath behind it. */

#include "feeds-world.h"

#include "base/clock.h"
#include "base/text.h"
#include "control/feed-plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

    cr_assert_eq(run_for(w, COMMAND_ADD, "203.0.113.7", 60).error, CONTROL_OK);
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

Test(feeds, a_stranger_at_the_ssh_port_takes_nothing_off)
{
    World *w = new_world(1024, "203.0.113.0/24\n");
    Address peer;

    cr_assert_eq(address_parse("203.0.113.7", &peer), 0);
    cr_assert_eq(protected_add(w->control->protected, &peer, PROTECT_SSH_PEER), 0);
    wait_for_feeds(w, 1);
    feeds_sync(w->control->feeds);
    for (int i = 0; i < 10; i++)
        cr_assert_geq(sd_event_run(w->event, 0), 0);
    cr_assert(entry_of(w, "203.0.113.0/24"));
    assert_datapath_agrees(w);
    cr_assert_eq(
            run(w, COMMAND_ADD, "203.0.113.7").error, CONTROL_PROTECTED, "by hand it is asked for");
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
    size_t n = 65536 - 65536 / 64; /* what feeds may have of it */
    _cleanup_free_ char *one = numbered(0, n), *other = numbered(40000, n);
    World *w = new_world(65536, one);
    uint64_t begin_ns;

    cr_assert_eq(count(w), n);
    wait_for_feeds(w, 1);
    cr_assert_eq(w->no_room, 0);
    begin_ns = clock_monotonic_ns();
    write_feed(w, "a.list", other);
    wait_for_feeds(w, 1);
    cr_log_info("replaced in %.0f ms", (double)(clock_monotonic_ns() - begin_ns) / 1e6);
    cr_assert_eq(count(w), n);
    cr_assert(entry_of(w, "20.1.120.0"));
    cr_assert_null(entry_of(w, "20.0.0.1"));
    cr_assert_eq(w->list_events, 0, "too many to tell each");
    write_feed(w, "b.list", "203.0.113.7\n");
    wait_for_feeds(w, 1);
    cr_assert_eq(w->no_room, 1);
    assert_datapath_agrees(w);
    free_world(w);
}

static void add_by_hand(World *w, int begin, int end)
{
    char address[32];

    for (int i = begin; i < end; i++) {
        snprintf(address, sizeof(address), "203.0.113.%d", i);
        cr_assert_eq(run(w, COMMAND_ADD, address).error, CONTROL_OK, "%s", address);
    }
}

Test(feeds, leave_room_for_what_is_made_by_hand)
{
    _cleanup_free_ char *all = numbered(0, 1024), *others = numbered(2000, 1024);
    World *w = new_world(1024, all);

    cr_assert_eq(count(w), 1008, "at the start");
    wait_for_feeds(w, 1);
    cr_assert_eq(w->no_room, 16);
    add_by_hand(w, 0, 16);
    cr_assert_eq(run(w, COMMAND_ADD, "203.0.113.16").error, CONTROL_LIMIT_REACHED);
    write_feed(w, "a.list", others);
    wait_for_feeds(w, 1);
    cr_assert_eq(w->no_room, 32);
    cr_assert_eq(count(w), 1008, "16 of them made by hand, and room for as many");
    cr_assert(entry_of(w, "203.0.113.0"));
    cr_assert_null(entry_of(w, "20.0.0.1"));
    add_by_hand(w, 16, 32);
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
        cr_assert_eq(feed_set_read(folders, 1024, NULL, NULL, &sets[i]), 0);
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

static void wait_for_entry(World *w, const char *text)
{
    uint64_t until = clock_monotonic_ns() + 10 * NSEC_PER_SEC;

    while (!entry_of(w, text) && clock_monotonic_ns() < until)
        cr_assert_geq(sd_event_run(w->event, USEC_PER_SEC), 0);
    cr_assert(entry_of(w, text), "%s", text);
}

Test(feeds, what_is_being_written_is_not_read)
{
    World *w = new_world(1024, "203.0.113.1\n203.0.113.129\njunk\n");
    FILE *old, *new;

    old = begin_feed(w, "a.list", "203.0.113.1");
    new = begin_feed(w, "new.list", "128.0.0.0/1");
    write_feed(w, "b.list", "198.51.100.1\n");
    wait_for_entry(w, "198.51.100.1");
    cr_assert(entry_of(w, "203.0.113.129"), "what it said before stays");
    cr_assert_not(entry_of(w, "128.0.0.0/1"), "half a line");
    cr_assert_eq(control_feeds(w->control)->files[0]->problems, 1, "and what was wrong with it");

    cr_assert_eq(control_reload(w->control, &w->config, &(ConfigError){}), 0);
    write_feed(w, "b.list", "198.51.100.2\n");
    wait_for_entry(w, "198.51.100.2");
    cr_assert(entry_of(w, "203.0.113.129"), "nor at a reload");
    cr_assert_not(entry_of(w, "128.0.0.0/1"));

    fputs("30\n", old);
    fclose(old);
    fputs("6\n", new);
    fclose(new);
    wait_for_entry(w, "203.0.113.130");
    wait_for_entry(w, "128.0.0.0/16");
    cr_assert_not(entry_of(w, "203.0.113.129"));
    free_world(w);
}

/* A name that is cut where it is told is still text. */
Test(feeds, problems_of_long_names_are_text)
{
    char name[128] = "";
    const FeedSet *set;
    World *w;

    for (int i = 0; i < 50; i++)
        strcat(name, "\xc3\xa4");
    strcat(name, ".list");
    w = new_world(1024, "203.0.113.1\n");
    write_feed(w, name, "junk\n203.0.113.2\n");
    wait_for_entry(w, "203.0.113.2");
    set = control_feeds(w->control);
    cr_assert_eq(set->n_files, 2);
    cr_assert_eq(set->files[1]->problems, 1);
    cr_assert(text_is_printable(set->files[1]->told[0]), "%s", set->files[1]->told[0]);
    free_world(w);
}
