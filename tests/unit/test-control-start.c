/* SPDX-License-Identifier: MIT */
/* Start, reload, end. */

#include "control-world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

Test(control_start, a_start_fills_the_kernel_in_one_step)
{
    WORLD(w, 1024);
    Reply replies[100];

    fill(w, 0, 100, replies);
    restart(w); /* waits for the write */
    for (int i = 0; i < 100; i++)
        cr_assert_eq(replies[i].error, CONTROL_OK);
    cr_assert_eq(start_control(w), 0);
    cr_assert_eq(w->report.outcome, STORE_LOADED);
    cr_assert_eq(w->fake.applies, 1);
    assert_all_agree(w, 100);
}

Test(control_start, slots_of_the_process_before_are_recycled_before_their_use)
{
    WORLD(w, 1024);
    Reply reply;

    restart(w);
    w->fake.slots_used = true;
    cr_assert_eq(start_control(w), 0);
    cr_assert_eq(w->fake.recycled, 0, "not before one is needed");
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK);
    cr_assert_gt(w->fake.recycled, 0);
}

/* With another state file. */
static void restart_with(World *w, const char *text)
{
    FILE *file;

    restart(w);
    file = fopen(w->path, "w");
    cr_assert(file && fputs(text, file) >= 0);
    cr_assert_eq(fclose(file), 0);
}

Test(control_start, a_later_versions_file_stops_the_start)
{
    WORLD(w, 1024);

    restart_with(w, "{\"format\":\"ntc-lists\",\"version\":9}");
    cr_assert_lt(start_control(w), 0);
    cr_assert_null(w->control);
    cr_assert(strstr(w->error.message, "later version"), "%s", w->error.message);
    cr_assert_eq(access(w->path, R_OK), 0);
}

Test(control_start, a_file_that_does_not_fit_stops_the_start)
{
    WORLD(w, 2000);
    _cleanup_free_ Reply *replies = calloc(1500, sizeof(*replies));

    fill(w, 0, 1500, replies);
    restart(w);
    w->config.lists.capacity = 1024;
    cr_assert_lt(start_control(w), 0);
    cr_assert(strstr(w->error.message, "lists.capacity"), "%s", w->error.message);
}

Test(control_start, waiting_for_confirmation_outlives_the_process)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true);
    Reply reply;

    c.confirm_sec = 60;
    c.ttl_sec = 3600;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    restart(w);
    cr_assert_eq(start_control(w), 0);
    cr_assert(entry_of(w, "203.0.113.1")->unconfirmed);
    cr_assert_eq(entry_of(w, "203.0.113.1")->confirmed_ttl_sec, 3600);
}

Test(control_start, a_new_boot_saves_the_remaining_times_again)
{
    WORLD(w, 1024);
    struct stat before, after;

    add_for(w, "203.0.113.1", 3600);
    restart(w);
    cr_assert_eq(stat(w->path, &before), 0);
    cr_assert_eq(start_control(w), 0); /* with the system's clock: another boot than "boot-a" */
    settle(w);
    cr_assert_eq(stat(w->path, &after), 0);
    cr_assert_neq(before.st_ino, after.st_ino);
}

Test(control_start, an_older_format_is_saved_in_the_present_one)
{
    WORLD(w, 1024);

    restart_with(w, "{\"blacklist\":[\"203.0.113.1\"],\"whitelist\":[\"198.51.100.0/24\"]}");
    cr_assert_eq(start_control(w), 0);
    cr_assert(w->report.migrated);
    settle(w);
    assert_all_agree(w, 2);
    cr_assert(file_has(w, "\"version\":1"));
}

Test(control_start, reload_takes_ports_and_refuses_the_rest)
{
    WORLD(w, 1024);
    Config config = w->config;
    char elsewhere[] = "/somewhere/else";

    config.lists.ssh_ports[1] = 2222;
    config.lists.n_ssh_ports = 2;
    cr_assert_eq(control_reload(w->control, &config, &w->error), 0);
    cr_assert_eq(w->fake.n_ssh_ports, 2);
    config.lists.capacity = 4096;
    cr_assert_eq(control_reload(w->control, &config, &w->error), -EOPNOTSUPP);
    cr_assert(strstr(w->error.message, "lists.capacity"));
    config = w->config;
    config.persistence.path = elsewhere;
    cr_assert_eq(control_reload(w->control, &config, &w->error), -EOPNOTSUPP);
    cr_assert(strstr(w->error.message, "persistence.path"));
}

Test(control_start, who_ends_before_the_loop_ran_saves_nothing)
{
    WORLD(w, 1024);

    restart_with(w, "nonsense");
    cr_assert_eq(start_control(w), 0);
    cr_assert_eq(w->report.outcome, STORE_DAMAGED);
    restart(w); /* the port was taken, say: the loop never ran */
    cr_assert(file_has(w, "nonsense"), "replaced by empty lists");
}
