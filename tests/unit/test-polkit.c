/* SPDX-License-Identifier: MIT */
/* Checks of permission against a bus and a polkit that are played by the test, over a socket pair:
 * so that callers vanish, answers fail to come and the whole is taken apart at every stage, in any
 * order. */

#include "bus/polkit.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#define DRIVER "org.freedesktop.DBus"
#define ALICE  ":1.7"
#define UID    1000U
#define QUICK  (50ULL * 1000)

typedef enum Question {
    WHO,    /* GetConnectionUnixUser */
    MAY,    /* CheckAuthorization */
    CANCEL, /* CancelCheckAuthorization */
    _QUESTION_MAX,
} Question;

static const char *const question_members[_QUESTION_MAX] = {
        "GetConnectionUnixUser", "CheckAuthorization", "CancelCheckAuthorization"};

typedef struct World {
    sd_event *event;
    sd_bus *ours;   /* the side of polkit.c */
    sd_bus *theirs; /* bus, polkit and callers */
    Polkit *polkit;
    Intent intent; /* of the next dispatch */
    int verdict;   /* of the last dispatch that was not put aside */
    unsigned verdicts;
    const char *reason;
    sd_bus_message *asked[_QUESTION_MAX]; /* the last of each kind, not answered yet */
    unsigned n_asked[_QUESTION_MAX];
} World;

/* --- our side */

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
    World *w = userdata;
    int r;

    if (sd_bus_message_is_method_call(call, "t.Test", "Do") <= 0)
        return 0;
    r = polkit_authorise(w->polkit, call, &w->intent, &w->reason);
    if (r == 0)
        return 1;
    polkit_settle(w->polkit, call);
    w->verdict = r;
    w->verdicts++;
    return 1;
}

/* --- their side */

static int on_question(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    World *w = userdata;

    for (Question q = 0; q < _QUESTION_MAX; q++)
        if (sd_bus_message_is_method_call(m, NULL, question_members[q]) > 0) {
            sd_bus_message_unref(w->asked[q]);
            w->asked[q] = sd_bus_message_ref(m);
            w->n_asked[q]++;
            return 1;
        }
    return 0;
}

static void call_as(World *w, const char *sender)
{
    sd_bus_message *m = NULL;

    cr_assert_geq(sd_bus_message_new_method_call(w->theirs, &m, NULL, "/t", "t.Test", "Do"), 0);
    cr_assert_geq(sd_bus_message_set_sender(m, sender), 0);
    cr_assert_geq(sd_bus_message_set_expect_reply(m, false), 0);
    cr_assert_geq(sd_bus_send(w->theirs, m, NULL), 0);
    sd_bus_message_unref(m);
}

static void pump(World *w, const unsigned *counter, unsigned wanted)
{
    for (int i = 0; i < 500 && *counter < wanted; i++)
        cr_assert_geq(sd_event_run(w->event, 10000), 0);
    cr_assert_eq(*counter, wanted);
}

/* Until nothing happens for a moment. */
static void pump_idle(World *w)
{
    while (sd_event_run(w->event, 20000) > 0)
        ;
}

static void await(World *w, Question question, unsigned nth)
{
    pump(w, &w->n_asked[question], nth);
}

static void tell_uid(World *w, const char *from, uint32_t uid)
{
    sd_bus_message *m = NULL;

    cr_assert_geq(sd_bus_message_new_method_return(w->asked[WHO], &m), 0);
    cr_assert_geq(sd_bus_message_append(m, "u", uid), 0);
    cr_assert_geq(sd_bus_message_set_sender(m, from), 0);
    cr_assert_geq(sd_bus_send(w->theirs, m, NULL), 0);
    sd_bus_message_unref(m);
}

static void tell_nobody(World *w)
{
    sd_bus_reply_method_errorf(w->asked[WHO], SD_BUS_ERROR_NAME_HAS_NO_OWNER, "gone");
}

static void say_yes(World *w)
{
    sd_bus_reply_method_return(w->asked[MAY], "(bba{ss})", 1, 0, 0);
}

static void vanish(World *w, const char *name)
{
    sd_bus_message *m = NULL;

    cr_assert_geq(sd_bus_message_new_signal(
                          w->theirs, &m, "/org/freedesktop/DBus", DRIVER, "NameOwnerChanged"),
            0);
    cr_assert_geq(sd_bus_message_set_sender(m, DRIVER), 0);
    cr_assert_geq(sd_bus_message_append(m, "sss", name, name, ""), 0);
    cr_assert_geq(sd_bus_send(w->theirs, m, NULL), 0);
    sd_bus_message_unref(m);
}

/* --- both */

static sd_bus *open_side(World *w, int fd, bool server)
{
    sd_bus *bus = NULL;
    sd_id128_t id = SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef);

    cr_assert_geq(sd_bus_new(&bus), 0);
    cr_assert_geq(sd_bus_set_fd(bus, fd, fd), 0);
    if (server)
        cr_assert_geq(sd_bus_set_server(bus, true, id), 0);
    cr_assert_geq(sd_bus_start(bus), 0);
    cr_assert_geq(sd_bus_attach_event(bus, w->event, SD_EVENT_PRIORITY_NORMAL), 0);
    return bus;
}

static void begin(World *w, uint64_t timeout_usec)
{
    int fds[2];

    *w = (World){.intent = {"org.ntc.edit-blacklist", "Add", "blacklist", "203.0.113.7"}};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    cr_assert_geq(sd_event_new(&w->event), 0);
    w->ours = open_side(w, fds[0], false);
    w->theirs = open_side(w, fds[1], true);
    cr_assert_geq(sd_bus_add_filter(w->ours, NULL, on_call, w), 0);
    cr_assert_geq(sd_bus_add_filter(w->theirs, NULL, on_question, w), 0);
    /* What comes in one piece with the end of the greeting would lie around until more comes. */
    while (sd_bus_is_ready(w->ours) == 0 || sd_bus_is_ready(w->theirs) == 0)
        cr_assert_geq(sd_event_run(w->event, 10000), 0);
    cr_assert_eq(polkit_new(w->ours, timeout_usec, &w->polkit), 0);
}

static void end(World *w)
{
    polkit_free(w->polkit);
    for (Question q = 0; q < _QUESTION_MAX; q++)
        sd_bus_message_unref(w->asked[q]);
    sd_bus_close_unref(w->ours);
    sd_bus_close_unref(w->theirs);
    sd_event_unref(w->event);
}

static void expect_verdict(World *w, int verdict)
{
    pump(w, &w->verdicts, 1);
    cr_assert_eq(w->verdict, verdict, "%d: %s", w->verdict, w->reason ? w->reason : "");
    pump_idle(w);
    cr_assert_eq(w->verdicts, 1, "decided twice");
    cr_assert_eq(polkit_pending(w->polkit), 0);
}

static void until_polkit_thinks(World *w)
{
    begin(w, POLKIT_TIMEOUT_USEC);
    call_as(w, ALICE);
    await(w, WHO, 1);
    tell_uid(w, DRIVER, UID);
    await(w, MAY, 1);
}

Test(polkit, yes)
{
    World w;

    until_polkit_thinks(&w);
    say_yes(&w);
    await(&w, WHO, 2);
    tell_uid(&w, DRIVER, UID);
    expect_verdict(&w, 1);
    end(&w);
}

Test(polkit, root_passes_unasked)
{
    World w;

    begin(&w, POLKIT_TIMEOUT_USEC);
    call_as(&w, ALICE);
    await(&w, WHO, 1);
    tell_uid(&w, DRIVER, 0);
    expect_verdict(&w, 1);
    cr_assert_eq(w.n_asked[MAY], 0);
    end(&w);
}

Test(polkit, only_the_bus_is_believed_about_uids)
{
    World w;

    begin(&w, POLKIT_TIMEOUT_USEC);
    call_as(&w, ALICE);
    await(&w, WHO, 1);
    tell_uid(&w, ":1.66", 0);
    expect_verdict(&w, -EACCES);
    end(&w);
}

Test(polkit, a_hung_polkit_is_a_no)
{
    World w;

    cr_assert_geq(POLKIT_TIMEOUT_USEC, 120ULL * 1000 * 1000, "too short to type a password");
    begin(&w, QUICK);
    call_as(&w, ALICE);
    await(&w, WHO, 1);
    tell_uid(&w, DRIVER, UID);
    await(&w, MAY, 1);
    expect_verdict(&w, -EACCES);
    await(&w, CANCEL, 1); /* the dialog goes, too */
    say_yes(&w);
    pump_idle(&w);
    cr_assert_eq(w.verdicts, 1);
    end(&w);
}

Test(polkit, gone_before_the_lookup)
{
    World w;

    begin(&w, POLKIT_TIMEOUT_USEC);
    call_as(&w, ALICE);
    await(&w, WHO, 1);
    tell_nobody(&w);
    expect_verdict(&w, -EACCES);
    cr_assert_eq(w.n_asked[MAY], 0);
    end(&w);
}

Test(polkit, gone_while_polkit_thinks)
{
    World w;

    until_polkit_thinks(&w);
    vanish(&w, ":1.8"); /* somebody else */
    pump_idle(&w);
    cr_assert_eq(w.verdicts, 0);
    vanish(&w, ALICE);
    await(&w, CANCEL, 1);
    say_yes(&w); /* too late */
    expect_verdict(&w, -EACCES);
    end(&w);
}

Test(polkit, gone_after_the_yes)
{
    World w;

    until_polkit_thinks(&w);
    say_yes(&w);
    await(&w, WHO, 2);
    tell_nobody(&w);
    expect_verdict(&w, -EACCES);
    end(&w);
}

Test(polkit, gone_after_the_yes_and_told_so)
{
    World w;

    until_polkit_thinks(&w);
    say_yes(&w);
    await(&w, WHO, 2);
    vanish(&w, ALICE);
    tell_uid(&w, DRIVER, UID);
    expect_verdict(&w, -EACCES);
    end(&w);
}

Test(polkit, another_uid_after_the_yes)
{
    World w;

    until_polkit_thinks(&w);
    say_yes(&w);
    await(&w, WHO, 2);
    tell_uid(&w, DRIVER, UID + 1);
    expect_verdict(&w, -EACCES);
    end(&w);
}

/* What was permitted is not what is done now: each part of the intent counts. */
Test(polkit, a_yes_to_something_else)
{
    const Intent others[] = {
            {"org.ntc.manage", "Add", "blacklist", "203.0.113.7"},
            {"org.ntc.edit-blacklist", "Remove", "blacklist", "203.0.113.7"},
            {"org.ntc.edit-blacklist", "Add", "whitelist", "203.0.113.7"},
            {"org.ntc.edit-blacklist", "Add", NULL, "203.0.113.7"},
            {"org.ntc.edit-blacklist", "Add", "blacklist", "203.0.113.8"},
    };

    for (size_t i = 0; i < ELEMENTSOF(others); i++) {
        World w;

        until_polkit_thinks(&w);
        w.intent = others[i];
        say_yes(&w);
        await(&w, WHO, 2);
        tell_uid(&w, DRIVER, UID);
        expect_verdict(&w, -EACCES);
        end(&w);
    }
}

/* Another call of the same caller doesn't get the verdict of the first. */
Test(polkit, a_yes_is_for_its_call)
{
    World w;

    until_polkit_thinks(&w);
    call_as(&w, ALICE);
    await(&w, WHO, 2);
    say_yes(&w);
    await(&w, WHO, 3);
    tell_uid(&w, DRIVER, UID);
    pump(&w, &w.verdicts, 1);
    cr_assert_eq(w.verdict, 1);
    pump_idle(&w);
    cr_assert_eq(w.verdicts, 1);
    cr_assert_eq(polkit_pending(w.polkit), 1);
    end(&w);
}

/* The connection breaks, or the daemon ends: at any stage, with answers on their way. */
Test(polkit, taken_apart_at_every_stage)
{
    for (int stage = 0; stage < 5; stage++) {
        World w;

        begin(&w, QUICK);
        call_as(&w, ALICE);
        call_as(&w, ":1.8");
        await(&w, WHO, 2);
        tell_uid(&w, DRIVER, UID);
        if (stage >= 1)
            await(&w, MAY, 1);
        if (stage >= 2)
            say_yes(&w);
        if (stage >= 3)
            await(&w, WHO, 3);
        if (stage >= 4)
            vanish(&w, ":1.8");
        w.polkit = polkit_free(w.polkit);
        sd_bus_flush(w.theirs);
        end(&w);
    }
}
