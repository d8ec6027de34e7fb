/* SPDX-License-Identifier: MIT */
/* Edits are written together, and a disk that refuses undoes them. */

#include "control-world.h"

#include <string.h>

Test(control_disk, waiting_edits_are_written_together)
{
    enum { N = 1000 };
    WORLD(w, 1024);
    Reply replies[N];

    fill(w, 0, N, replies);
    cr_assert_eq(control_edits_pending(w->control), N);
    cr_assert_eq(w->fake.count, N, "in force at once");
    for (int i = 0; i < N; i++)
        cr_assert_eq(replies[i].times, 0, "nobody is told before it is durable");
    settle(w);
    cr_assert_eq(w->control->writes, 2);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(replies[i].times, 1);
        cr_assert_eq(replies[i].error, CONTROL_OK);
    }
    assert_all_agree(w, N);
}

Test(control_disk, a_noop_waits_for_what_it_rests_on)
{
    WORLD(w, 1024);
    Reply first, second;
    Command c = command("203.0.113.7", true);

    submit(w, &c, &first);
    submit(w, &c, &second);
    cr_assert_eq(second.times, 0);
    settle(w);
    cr_assert_eq(w->control->writes, 1, "it needs no write of its own");
    cr_assert_eq(second.times, 1);
    cr_assert_eq(second.error, CONTROL_OK);
    cr_assert_not(second.changed);
    break_disk(w);
    c.address = "203.0.113.8";
    submit(w, &c, &first);
    submit(w, &c, &second);
    settle(w);
    cr_assert_eq(first.error, CONTROL_STORAGE);
    cr_assert_eq(second.error, CONTROL_STORAGE);
}

Test(control_disk, a_noop_does_not_answer_for_what_is_not_on_the_disk)
{
    WORLD(w, 1024);
    Reply reply;
    Command c = command("203.0.113.7", true);

    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    w->control->unsaved = true; /* as after lists that only the kernel still had */
    break_disk(w);
    cr_assert_eq(run(w, &c, &reply), CONTROL_STORAGE);
    mend_disk(w);
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert_not(reply.changed);
    cr_assert_not(w->control->unsaved);
}

static int refuse_all(const Command *command, const Prefix *prefix, void *userdata)
{
    return -1;
}

Test(control_disk, strangers_noops_leave_room_for_others)
{
    enum { N = 2 * NOTHING_MAX };
    WORLD(w, 1024);
    static Reply replies[N];
    Reply first, last;
    Command c = command("203.0.113.7", true), nothing = command("192.0.2.1", false);
    size_t busy = 0;

    submit(w, &c, &first);
    for (size_t i = 0; i < N; i++) {
        replies[i] = (Reply){};
        cr_assert_eq(control_submit(w->control, &nothing, refuse_all, on_done, &replies[i]), 0);
        busy += replies[i].times == 1 && replies[i].error == CONTROL_BUSY;
    }
    cr_assert_eq(busy, N - NOTHING_MAX);
    c.address = "203.0.113.8";
    submit(w, &c, &last);
    settle(w);
    cr_assert_eq(last.error, CONTROL_OK);
    cr_assert_eq(replies[0].error, CONTROL_OK);
    cr_assert_eq(w->control->n_nothing, 0);
    assert_all_agree(w, 2);
}

Test(control_disk, a_disk_that_refuses_undoes_newest_first)
{
    WORLD(w, 1024);
    Reply reply, replies[5];
    Command c[5] = {command("203.0.113.1", true), command("203.0.113.9", false),
            command("203.0.113.9", true), command("203.0.113.8", true),
            command("203.0.113.1", false)};
    ListEntry *kept;
    uint32_t slot;

    cr_assert_eq(add(w, "203.0.113.8", &reply), CONTROL_OK);
    cr_assert_eq(add(w, "203.0.113.9", &reply), CONTROL_OK);
    kept = list_entry_ref(entry_of(w, "203.0.113.8"));
    slot = entry_of(w, "203.0.113.9")->slot;
    break_disk(w);
    w->fake.n_log = w->fake.applies = 0;
    w->n_events = 0;
    c[3].comment = "another comment";
    for (int i = 0; i < 5; i++)
        submit(w, &c[i], &replies[i]);
    cr_assert_eq(w->fake.applies, 4);
    settle(w);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(replies[i].times, 1);
        cr_assert_eq(replies[i].error, CONTROL_STORAGE, "%d", i);
        cr_assert_not(replies[i].changed);
        cr_assert(strstr(replies[i].message, "nothing was changed"), "%s", replies[i].message);
    }
    cr_assert_eq(w->storage_failed, 1);
    cr_assert_eq(w->storage_failed_undone, 5);
    cr_assert_eq(control_storage_failures(w->control), 1);
    cr_assert_eq(w->n_events, 0, "nobody hears of what did not happen");
    cr_assert_eq(w->fake.applies, 5, "undone in one step");
    /* there: +1 -9 +9 -1; back: +1 -9 +9 -1 */
    cr_assert_eq(w->fake.n_log, 8);
    for (int i = 0; i < 4; i++) {
        const ListChange *there = &w->fake.log[3 - i], *back = &w->fake.log[4 + i];

        cr_assert(prefix_equal(&there->prefix, &back->prefix));
        cr_assert_eq(there->slot, back->slot);
        cr_assert_neq(there->add, back->add);
    }
    cr_assert_eq(entry_of(w, "203.0.113.8"), kept);
    cr_assert_eq(entry_of(w, "203.0.113.9")->slot, slot);
    list_entry_unref(kept);
    mend_disk(w);
    cr_assert_eq(add(w, "203.0.113.1", &reply), CONTROL_OK);
    assert_all_agree(w, 3);
}

Test(control_disk, what_is_durable_stays_when_a_later_write_fails)
{
    WORLD(w, 1024);
    Reply first, second;
    Command a = command("203.0.113.1", true), b = command("203.0.113.2", true);

    submit(w, &a, &first);
    submit(w, &b, &second);
    while (first.times == 0) /* the second one's write has begun by then, or begins now */
        cr_assert_geq(sd_event_run(w->event, USEC_PER_SEC), 0);
    cr_assert_eq(first.error, CONTROL_OK);
    settle(w);
    cr_assert_eq(second.error, CONTROL_OK);
    break_disk(w);
    a.address = "203.0.113.3";
    cr_assert_eq(run(w, &a, &first), CONTROL_STORAGE);
    cr_assert_eq(count_in_memory(w), 2);
    cr_assert_eq(w->fake.count, 2);
}

/* The worst case: neither the disk nor the kernel plays along. Memory stays with the kernel. */
Test(control_disk, what_can_not_be_undone_is_said_and_saved_later)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true);
    Reply reply;

    break_disk(w);
    submit(w, &c, &reply);
    w->fake.refuse = -EIO;
    settle(w);
    cr_assert_eq(reply.error, CONTROL_STORAGE);
    cr_assert(strstr(reply.message, "in force, but not saved"), "%s", reply.message);
    cr_assert_eq(w->storage_failed_undone, 0);
    cr_assert_eq(count_in_memory(w), 1);
    cr_assert_eq(w->fake.count, 1);
    mend_disk(w);
    cr_assert_eq(add(w, "203.0.113.2", &reply), CONTROL_OK);
    assert_all_agree(w, 2);
}

/* What was recovered from the kernel stands in no file yet: to forget that after one try would be
 * to lose it. */
Test(control_disk, what_no_edit_waits_for_is_saved_at_the_stop_if_not_before)
{
    WORLD(w, 1024);
    Reply reply;

    cr_assert_eq(add(w, "203.0.113.1", &reply), CONTROL_OK);
    break_disk(w);
    w->control->unsaved = true;
    persist_kick(w->control);
    settle(w);
    cr_assert_eq(w->storage_failed, 1, "and not again and again");
    mend_disk(w);
    restart(w);
    cr_assert(file_has(w, "203.0.113.1"));
}

static void submit_again(const CommandResult *result, void *userdata)
{
    World *w = userdata;
    Command c = command("203.0.113.99", true);

    w->storage_failed += 100;
    cr_assert_eq(control_submit(w->control, &c, NULL, NULL, NULL), 0);
}

Test(control_disk, a_callback_may_submit)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true);

    cr_assert_eq(control_submit(w->control, &c, NULL, submit_again, w), 0);
    settle(w);
    cr_assert_eq(w->storage_failed, 100);
    assert_all_agree(w, 2);
}

Test(control_disk, a_client_that_left_is_not_called)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true);
    Reply reply;

    submit(w, &c, &reply);
    control_forget(w->control, &reply);
    settle(w);
    cr_assert_eq(reply.times, 0);
    assert_all_agree(w, 1);
}
