/* SPDX-License-Identifier: MIT */
/* Feeds that change while something else is under way: the start, a write that fails later. */

#include "feeds-world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- a datapath that tells of its changes */

static const DatapathOps *inner;
static void (*on_apply)(void);
static size_t told;

static int apply_and_tell(Datapath *datapath, const ListChange *changes, size_t n)
{
    told += n;
    if (on_apply)
        on_apply();
    return inner->apply_lists(datapath, changes, n);
}

static DatapathOps telling;

static void tell_changes(World *w, void (*callback)(void))
{
    inner = w->datapath->ops;
    telling = *inner;
    telling.apply_lists = apply_and_tell;
    on_apply = callback;
    told = 0;
    w->datapath->ops = &telling;
}

static void tell_no_more(World *w)
{
    w->datapath->ops = inner;
}

static void run_until_there(World *w, const char *address)
{
    while (!entry_of(w, address))
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0, "%s", address);
}

/* --- a disk that hangs, and then fails */

static atomic_bool disk_fails, disk_hangs;

/* Instead of libc's. */
int fsync(int fd)
{
    while (disk_hangs)
        usleep(1000);
    errno = EIO;
    return disk_fails ? -1 : 0;
}

static void on_answer(const CommandResult *result, void *userdata)
{
    *(ControlError *)userdata = result->error;
}

Test(feeds_races, an_undone_removal_keeps_the_slot_that_a_feed_took)
{
    World *w = new_world(1024, "# nothing\n");
    ControlError unanswered = (ControlError)-1, answer = unanswered;
    Command command = {.list = LIST_BLACKLIST,
            .verb = COMMAND_REMOVE,
            .address = "203.0.113.7",
            .caller = {.transport = TRANSPORT_HTTP, .uid = 0}};
    uint32_t in_kernel;

    cr_assert_eq(run(w, COMMAND_ADD, "203.0.113.7").error, CONTROL_OK);
    disk_hangs = disk_fails = true;
    cr_assert_eq(control_submit(w->control, &command, NULL, on_answer, &answer), 0);
    cr_assert_null(entry_of(w, "203.0.113.7"));
    write_feed(w, "a.list", "203.0.113.7\n");
    run_until_there(w, "203.0.113.7");
    cr_assert(entry_of(w, "203.0.113.7")->from_feed);
    in_kernel = entry_of(w, "203.0.113.7")->slot;
    tell_changes(w, NULL);

    disk_hangs = false;
    while (answer == unanswered)
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0);
    cr_assert_eq(answer, CONTROL_STORAGE);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "manual");
    cr_assert_eq(told, 0, "the kernel has it already");
    cr_assert_eq(entry_of(w, "203.0.113.7")->slot, in_kernel);
    cr_assert_eq(slot_pool_claim(&w->control->slots, in_kernel), -EINVAL, "it is in use");
    disk_fails = false;
    tell_no_more(w);
    free_world(w);
}

/* --- a reading that takes long */

#define FIRST_FILE "0.list" /* read before the others */

static atomic_bool reading_hangs;
static atomic_uint readings;
static void (*_Atomic on_reading)(void); /* on the worker */

/* Instead of libc's. */
int openat(int folder, const char *name, int flags, ...)
{
    void (*callback)(void) = on_reading;
    va_list arguments;
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    if (strcmp(name, FIRST_FILE) == 0) {
        readings++;
        if (callback)
            callback();
        while (reading_hangs)
            usleep(1000);
    }
    return (int)syscall(SYS_openat, folder, name, flags, mode);
}

static void run_until_reading(World *w)
{
    uint64_t until = clock_monotonic_ns() + 10 * NSEC_PER_SEC;

    while (readings == 0 && clock_monotonic_ns() < until)
        cr_assert_geq(sd_event_run(w->event, 10 * USEC_PER_MSEC), 0);
    cr_assert_gt(readings, 0, "nobody reads");
}

Test(feeds_races, what_is_begun_while_others_are_read_is_not_read)
{
    World *w = new_world(1024, "203.0.113.77\n");
    FILE *file;

    reading_hangs = true;
    write_feed(w, FIRST_FILE, "198.51.100.1\n");
    run_until_reading(w);
    file = begin_feed(w, "a.list", "203.0.113.7");
    reading_hangs = false;
    wait_for_feeds(w, 1);
    cr_assert(entry_of(w, "198.51.100.1"));
    cr_assert(entry_of(w, "203.0.113.77"), "what it said before stays");
    cr_assert_not(entry_of(w, "203.0.113.7"), "half a line");

    fputs("8\n", file);
    fclose(file);
    wait_for_feeds(w, 1);
    cr_assert(entry_of(w, "203.0.113.78"));
    cr_assert_not(entry_of(w, "203.0.113.77"));
    free_world(w);
}

/* As who is told of an answer while much else has happened. */
Test(feeds_races, what_is_begun_behind_many_changes_is_not_read)
{
    World *w = new_world(1024, "203.0.113.77\n");
    FILE *file;

    reading_hangs = true;
    write_feed(w, FIRST_FILE, "198.51.100.1\n");
    run_until_reading(w);
    for (int i = 0; i < 1000; i++)
        write_feed(w, i % 2 ? "odd" : "even", "no feed\n");
    file = begin_feed(w, "a.list", "203.0.113.7");
    reading_hangs = false;
    usleep(100000); /* it is done, and the loop has seen nothing of all this */
    wait_for_feeds(w, 1);
    cr_assert(entry_of(w, "198.51.100.1"));
    cr_assert(entry_of(w, "203.0.113.77"));
    cr_assert_not(entry_of(w, "203.0.113.7"));
    fclose(file);
    free_world(w);
}

static World *written_to;

static void write_again(void)
{
    fclose(begin_feed(written_to, "b.list", "203.0.113.99\n"));
}

Test(feeds_races, who_never_pauses_does_not_keep_all_from_being_read)
{
    World *w = new_world(1024, "203.0.113.77\n");

    written_to = w;
    on_reading = write_again;
    write_feed(w, FIRST_FILE, "198.51.100.1\n");
    while (!entry_of(w, "198.51.100.1")) {
        cr_assert_gt(sd_event_run(w->event, 10 * USEC_PER_SEC), 0);
        cr_assert_lt(readings, 20);
    }
    on_reading = NULL;
    free_world(w);
}

/* --- a start */

static World *starting;

static void change_once(void)
{
    on_apply = NULL;
    write_feed(starting, "a.list", "203.0.113.7\n203.0.113.8\n");
}

Test(feeds_races, what_changes_between_reading_and_watching_is_noticed)
{
    World *w = new_world(1024, "203.0.113.7\n");
    ListChange gone = {LIST_BLACKLIST, false, entry_of(w, "203.0.113.7")->prefix,
            entry_of(w, "203.0.113.7")->slot};

    w->control = control_free(w->control);
    cr_assert_eq(w->datapath->ops->apply_lists(w->datapath, &gone, 1), 0);
    starting = w;
    tell_changes(w, change_once);
    start(w);
    cr_assert_null(on_apply, "it changed during the start");
    run_until_there(w, "203.0.113.8");
    tell_no_more(w);
    free_world(w);
}

/* --- a list with little room */

#define ENTRIES 5000 /* more than a portion */

static bool ever_gone;
static World *watched;

static void look(void)
{
    ever_gone |= list_count(control_list(watched->control, LIST_BLACKLIST)) < ENTRIES;
}

Test(feeds_races, entries_that_only_change_need_no_room)
{
    World *w = new_world(8192, NULL);
    char *text = calloc(ENTRIES + 1, 16), *end = text;

    for (int i = 0; i < ENTRIES; i++)
        end += sprintf(end, "20.0.%d.%d\n", i / 256, i % 256);
    write_feed(w, "a.list", text);
    wait_for_feeds(w, 1);
    cr_assert_eq(count(w), ENTRIES);
    watched = w;
    tell_changes(w, look);
    /* All get another origin, but for one that goes; and one comes, for which there is room. */
    text[0] = '1';
    write_feed(w, "b.list", text);
    write_feed(w, "a.list", "# moved\n");
    run_until_there(w, "10.0.0.0");
    cr_assert_not(ever_gone, "removed before the other one was added");
    tell_no_more(w);
    free(text);
    free_world(w);
}
