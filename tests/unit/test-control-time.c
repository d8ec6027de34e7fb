/* SPDX-License-Identifier: MIT */
/* Entries with a time limit, and those that wait to be confirmed. */

#include "control-world.h"

#include <string.h>

Test(control_time, entries_expire_in_their_order)
{
    WORLD(w, 1024);

    add_for(w, "203.0.113.1", 60);
    add_for(w, "203.0.113.2", 30);
    add_for(w, "203.0.113.3", 0);
    w->n_events = 0;
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 29 * NSEC_PER_SEC), 0);
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 30 * NSEC_PER_SEC), 1);
    settle(w);
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 60 * NSEC_PER_SEC), 1);
    settle(w);
    assert_all_agree(w, 1);
    cr_assert_eq(w->n_events, 2);
    cr_assert_eq((int)w->events[0].type, LIST_EVENT_EXPIRED);
    cr_assert_eq(w->events[0].caller.transport, TRANSPORT_INTERNAL);
    cr_assert_str_eq(w->event_prefix[0], "203.0.113.2");
    cr_assert_str_eq(w->event_prefix[1], "203.0.113.1");
}

static Command confirming(const char *address)
{
    Command c = command(address, true);

    c.verb = COMMAND_CONFIRM;
    return c;
}

Test(control_time, what_nobody_confirms_goes_again)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true), confirm = confirming("203.0.113.1");
    Reply reply;

    c.confirm_sec = 60;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert(entry_of(w, "203.0.113.1")->unconfirmed);
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 60 * NSEC_PER_SEC), 1);
    settle(w);
    assert_all_agree(w, 0);
    cr_assert_eq((int)w->events[1].type, LIST_EVENT_EXPIRED);
    cr_assert_eq(run(w, &confirm, &reply), CONTROL_NOT_LISTED);
    cr_assert(strstr(reply.message, "time to be confirmed"), "%s", reply.message);
}

Test(control_time, what_was_confirmed_lives_as_long_as_was_asked_for)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true), confirm = confirming("203.0.113.1");
    Reply reply;

    c.confirm_sec = 60;
    c.ttl_sec = 3600;
    c.comment = "risky";
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert_eq(run(w, &confirm, &reply), CONTROL_OK);
    cr_assert(reply.changed);
    cr_assert_eq(entry_of(w, "203.0.113.1")->expires_boottime_ns,
            fake_now.boottime_ns + 3600 * NSEC_PER_SEC);
    cr_assert_str_eq(entry_of(w, "203.0.113.1")->comment, "risky");
    cr_assert_eq(run(w, &confirm, &reply), CONTROL_OK);
    cr_assert(!reply.changed);
    cr_assert_eq(run(w, &c, &reply), CONTROL_INVALID_OPTION); /* no way back by accident */
    cr_assert_str_eq(reply.message, "203.0.113.1 is on the blacklist already and needs no "
                                    "confirmation: leave out confirm");
    assert_all_agree(w, 1);
    cr_assert_eq(w->fake.applies, 1); /* of the start no entry, of confirming no change */
}

Test(control_time, the_timer_removes_what_expired)
{
    WORLD(w, 1024);
    uint64_t real_ns = clock_boottime_ns();

    fake_now.boottime_ns = real_ns;
    add_for(w, "203.0.113.1", 1);
    fake_now.boottime_ns = real_ns + 2 * NSEC_PER_SEC;
    for (int i = 0; i < 100 && w->n_events < 2; i++)
        cr_assert_geq(sd_event_run(w->event, 100 * USEC_PER_MSEC), 0);
    settle(w);
    assert_all_agree(w, 0);
    cr_assert_eq((int)w->events[1].type, LIST_EVENT_EXPIRED);
}

Test(control_time, what_expired_stays_away_though_the_disk_refuses)
{
    WORLD(w, 1024);
    Reply reply;
    Command c = command("203.0.113.2", true);

    add_for(w, "203.0.113.1", 30);
    break_disk(w);
    w->n_events = 0;
    submit(w, &c, &reply);
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 31 * NSEC_PER_SEC), 1);
    settle(w);
    cr_assert_eq(reply.error, CONTROL_STORAGE);
    cr_assert_eq(count_in_memory(w), 0);
    cr_assert_eq(w->fake.count, 0);
    cr_assert_eq(w->n_events, 1);
    cr_assert_eq((int)w->events[0].type, LIST_EVENT_EXPIRED);
    mend_disk(w);
}

Test(control_time, a_kernel_that_refuses_an_expiry_keeps_the_entry)
{
    WORLD(w, 1024);

    add_for(w, "203.0.113.1", 30);
    w->fake.refuse = -EIO;
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 31 * NSEC_PER_SEC), -EIO);
    cr_assert_eq(count_in_memory(w), 1);
    cr_assert_eq(w->fake.count, 1);
    cr_assert_eq(expiry_run(w->control, fake_now.boottime_ns + 31 * NSEC_PER_SEC), 1);
    settle(w);
    assert_all_agree(w, 0);
}

Test(control_time, what_remains_is_saved_now_and_then)
{
    WORLD(w, 1024);

    fake_now.boottime_ns = 1000 * NSEC_PER_SEC;
    add_for(w, "203.0.113.1", 86400);
    cr_assert(file_has(w, "\"remaining_sec\":86400"));
    fake_now.boottime_ns += 600 * NSEC_PER_SEC;
    remaining_save_in_time(w->control);
    cr_assert(!w->control->writing, "not yet");
    fake_now.boottime_ns += 3000 * NSEC_PER_SEC;
    remaining_save_in_time(w->control);
    settle(w);
    cr_assert(file_has(w, "\"remaining_sec\":82800"));
    fake_now.boottime_ns += 800 * NSEC_PER_SEC;
    restart(w); /* a clean stop */
    cr_assert(file_has(w, "\"remaining_sec\":82000"));
}

Test(control_time, nothing_remains_nothing_is_saved)
{
    WORLD(w, 1024);

    add_for(w, "203.0.113.1", 0);
    fake_now.boottime_ns += 86400 * NSEC_PER_SEC;
    remaining_save_in_time(w->control);
    cr_assert(!w->control->writing);
}

Test(control_time, a_stop_right_after_the_start_saves_nothing)
{
    WORLD(w, 1024);

    fake_now.boottime_ns = 1000 * NSEC_PER_SEC;
    add_for(w, "203.0.113.1", 86400);
    fake_now.boottime_ns += 30 * NSEC_PER_SEC;
    restart(w);
    cr_assert(file_has(w, "\"remaining_sec\":86400"));
}
