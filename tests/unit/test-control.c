/* SPDX-License-Identifier: MIT */
/* What a change does, who may make it, and how many fit. */

#include "control-world.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

Test(control, adds_and_removes)
{
    WORLD(w, 1024);
    Reply reply;

    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK, "%s", reply.message);
    cr_assert(reply.changed);
    cr_assert_str_eq(reply.address, "203.0.113.7");
    assert_all_agree(w, 1);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->by, "uid 0 over http");
    cr_assert_eq(w->n_events, 1);
    cr_assert_eq((int)w->events[0].type, LIST_EVENT_ADDED);
    cr_assert_eq(w->events[0].count_before, 0);
    cr_assert_eq(w->events[0].count_after, 1);
    cr_assert_eq(drop(w, "203.0.113.7", &reply), CONTROL_OK);
    cr_assert(reply.changed);
    assert_all_agree(w, 0);
    cr_assert_eq((int)w->events[1].type, LIST_EVENT_REMOVED);
    cr_assert_eq(w->events[1].count_after, 0);
    cr_assert_eq(w->n_events, 2);
}

Test(control, the_canonical_form_is_what_counts)
{
    WORLD(w, 1024);
    Reply reply;

    cr_assert_eq(add(w, "::ffff:203.0.113.7", &reply), CONTROL_OK);
    cr_assert_str_eq(reply.address, "203.0.113.7");
    cr_assert_eq(add(w, "203.0.113.7/32", &reply), CONTROL_OK);
    cr_assert_not(reply.changed);
    cr_assert_eq(add(w, "2001:DB8:0::/32", &reply), CONTROL_OK);
    cr_assert_str_eq(reply.address, "2001:db8::/32");
}

Test(control, what_changes_nothing_says_so)
{
    WORLD(w, 1024);
    Reply reply;
    Command c = command("203.0.113.7", true);
    uint64_t writes;

    cr_assert_eq(drop(w, "203.0.113.7", &reply), CONTROL_OK);
    cr_assert_not(reply.changed);
    c.comment = "scanner";
    c.ttl_sec = 60;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    writes = w->control->writes;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert_not(reply.changed);
    c.comment = NULL;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert_not(reply.changed);
    cr_assert_eq(w->control->writes, writes);
    cr_assert_eq(w->n_events, 1);
}

Test(control, other_options_replace_the_entry)
{
    WORLD(w, 1024);
    Reply reply;
    Command c = command("203.0.113.7", true);
    uint32_t slot;

    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    slot = entry_of(w, "203.0.113.7")->slot;
    c.comment = "scanner";
    c.ttl_sec = 60;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert(reply.changed);
    cr_assert_eq(entry_of(w, "203.0.113.7")->slot, slot);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->comment, "scanner");
    cr_assert_eq(entry_of(w, "203.0.113.7")->expires_boottime_ns,
            fake_now.boottime_ns + 60 * NSEC_PER_SEC);
    cr_assert_eq((int)w->events[1].type, LIST_EVENT_CHANGED);
    cr_assert_eq(w->fake.applies, 1, "the kernel need not know");
    c.ttl_sec = 0;
    c.comment = NULL;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    cr_assert(reply.changed);
    cr_assert_eq(entry_of(w, "203.0.113.7")->expires_boottime_ns, 0);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->comment, "scanner");
    assert_all_agree(w, 1);
}

Test(control, a_feed_leaves_manual_entries_alone)
{
    WORLD(w, 1024);
    Reply reply;
    Command feed = command("203.0.113.7", true);

    feed.origin = "drop.txt";
    feed.caller = (Caller){.transport = TRANSPORT_FEED, .uid = UID_NONE};
    cr_assert_eq(run(w, &feed, &reply), CONTROL_OK);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "drop.txt");
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK);
    cr_assert(reply.changed);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "manual");
    cr_assert_eq(run(w, &feed, &reply), CONTROL_OK);
    cr_assert_not(reply.changed);
    cr_assert_str_eq(entry_of(w, "203.0.113.7")->origin, "manual");
}

Test(control, invalid_wishes_are_refused)
{
    WORLD(w, 1024);
    static const char *const bad[] = {"", "x", "1.2.3", "1.2.3.4 ", "01.2.3.4", "1.2.3.4/33",
            "10.0.0.1/8", "fe80::1%eth0", "1.2.3.4\n", "\xff"};
    char long_text[5000];
    Reply reply;
    Command c;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        cr_assert_eq(add(w, bad[i], &reply), CONTROL_INVALID_ADDRESS, "%s", bad[i]);
        cr_assert(reply.message[0]);
        cr_assert_null(strchr(reply.message, '\n'));
        cr_assert_str_eq(reply.address, "");
        cr_assert_eq(drop(w, bad[i], &reply), CONTROL_INVALID_ADDRESS, "%s", bad[i]);
    }
    memset(long_text, 'a', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    cr_assert_eq(add(w, long_text, &reply), CONTROL_INVALID_ADDRESS);
    c = command("203.0.113.7", true);
    c.comment = long_text;
    cr_assert_eq(run(w, &c, &reply), CONTROL_INVALID_OPTION);
    c.comment = "two\nlines";
    cr_assert_eq(run(w, &c, &reply), CONTROL_INVALID_OPTION);
    c.comment = "\xff\xfe";
    cr_assert_eq(run(w, &c, &reply), CONTROL_INVALID_OPTION);
    c.comment = NULL;
    c.ttl_sec = LIST_TTL_MAX_SEC + 1;
    cr_assert_eq(run(w, &c, &reply), CONTROL_INVALID_OPTION);
    c.ttl_sec = UINT64_MAX;
    cr_assert_eq(run(w, &c, &reply), CONTROL_INVALID_OPTION);
    cr_assert_eq(w->fake.applies, 0);
    cr_assert_eq(w->control->writes, 0);
}

Test(control, protected_addresses_need_force)
{
    WORLD(w, 1024);
    Reply reply;
    Command c = command("224.0.0.0/3", true);

    cr_assert_eq(run(w, &c, &reply), CONTROL_PROTECTED);
    cr_assert_str_eq(reply.message, "224.0.0.0/3 contains 224.0.0.0, a multicast address; to "
                                    "blacklist it all the same, set the option force");
    cr_assert_str_eq(reply.address, "224.0.0.0/3");
    cr_assert_eq(add(w, "127.0.0.1", &reply), CONTROL_PROTECTED);
    c.list = LIST_WHITELIST;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    c.list = LIST_BLACKLIST;
    c.force = true;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
    assert_all_agree(w, 2);
    cr_assert_eq(drop(w, "224.0.0.0/3", &reply), CONTROL_OK);
    assert_all_agree(w, 1);
}

typedef struct Asker {
    Reply reply; /* first: on_done() gets a pointer to it */
    int answer;
} Asker;

static int answer_with(const Command *c, const Prefix *prefix, void *userdata)
{
    return ((Asker *)userdata)->answer;
}

Test(control, asks_only_for_what_would_change_something)
{
    WORLD(w, 1024);
    Asker asker = {.answer = -EACCES};
    Command c = command("203.0.113.7", true);

    cr_assert_eq(control_submit(w->control, &c, answer_with, on_done, &asker), 0);
    cr_assert_eq(asker.reply.times, 1);
    cr_assert_eq(asker.reply.error, CONTROL_DENIED);
    asker = (Asker){.answer = 0};
    cr_assert_eq(control_submit(w->control, &c, answer_with, on_done, &asker), -EINPROGRESS);
    cr_assert_eq(asker.reply.times, 0);
    cr_assert_eq(w->fake.applies, 0);
    asker = (Asker){.answer = 1};
    cr_assert_eq(control_submit(w->control, &c, answer_with, on_done, &asker), 0);
    settle(w);
    cr_assert_eq(asker.reply.times, 1);
    cr_assert_eq(asker.reply.error, CONTROL_OK);
    asker = (Asker){.answer = -EACCES};
    cr_assert_eq(control_submit(w->control, &c, answer_with, on_done, &asker), 0);
    cr_assert_eq(asker.reply.error, CONTROL_OK, "a no-op is not asked for");
    c.address = "nonsense";
    cr_assert_eq(control_submit(w->control, &c, answer_with, on_done, &asker), 0);
    cr_assert_eq(asker.reply.error, CONTROL_INVALID_ADDRESS);
}

Test(control, one_too_many_is_refused)
{
    WORLD(w, 1024);
    _cleanup_free_ Reply *replies = calloc(1024, sizeof(*replies));
    Reply reply;

    fill(w, 0, 1024, replies);
    settle(w);
    assert_all_agree(w, 1024);
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_LIMIT_REACHED);
    cr_assert(strstr(reply.message, "1024"), "%s", reply.message);
    assert_all_agree(w, 1024);
    cr_assert_eq(drop(w, "11.0.0.5", &reply), CONTROL_OK);
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK);
    assert_all_agree(w, 1024);
}

Test(control, slots_come_back_only_through_quarantine)
{
    WORLD(w, 1024);
    Reply reply;
    uint32_t slot;

    w->control->slots.n_free = 1; /* as if all others were in use */
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK);
    slot = entry_of(w, "203.0.113.7")->slot;
    cr_assert_eq(add(w, "203.0.113.8", &reply), CONTROL_BUSY);
    cr_assert_eq(drop(w, "203.0.113.7", &reply), CONTROL_OK);
    cr_assert_eq(w->fake.recycled, 0);
    cr_assert_eq(add(w, "203.0.113.8", &reply), CONTROL_OK);
    cr_assert_eq(w->fake.recycled, 1);
    cr_assert_eq(entry_of(w, "203.0.113.8")->slot, slot);
}

Test(control, a_kernel_that_refuses_changes_nothing)
{
    WORLD(w, 1024);
    Reply reply;

    w->fake.refuse = -E2BIG;
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_KERNEL);
    cr_assert_eq(count_in_memory(w), 0);
    cr_assert_eq(w->control->writes, 0);
    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK);
    w->fake.refuse = -EIO;
    cr_assert_eq(drop(w, "203.0.113.7", &reply), CONTROL_KERNEL);
    assert_all_agree(w, 1);
    w->fake.refuse = -ENOSPC;
    cr_assert_eq(add(w, "203.0.113.8", &reply), CONTROL_LIMIT_REACHED);
    assert_all_agree(w, 1);
}

Test(control, hits_of_entries_and_lists)
{
    WORLD(w, 1024);
    Reply reply;
    Count count;

    cr_assert_eq(add(w, "203.0.113.7", &reply), CONTROL_OK);
    count = control_hits(w->control, entry_of(w, "203.0.113.7"));
    cr_assert_eq(count.packets, entry_of(w, "203.0.113.7")->slot);
    cr_assert_eq(control_list_hits(w->control, LIST_BLACKLIST).packets, 7);
    cr_assert_eq(control_list_hits(w->control, LIST_WHITELIST).bytes, 300);
}

Test(control, every_error_and_transport_has_a_name)
{
    for (ControlError error = 0; error < _CONTROL_ERROR_MAX; error++)
        cr_assert(control_error_code(error)[0]);
    for (Transport transport = 0; transport < _TRANSPORT_MAX; transport++)
        cr_assert(transport_name(transport)[0]);
}

static double milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

Test(control, a_full_list_is_quick, .timeout = 100)
{
    enum { N = 65535 };
    WORLD(w, 65536);
    _cleanup_free_ Reply *replies = calloc(N, sizeof(*replies));
    double start = milliseconds(), submitted, started;

    w->fake.slow = true;
    fill(w, 0, N, replies);
    submitted = milliseconds();
    settle(w);
    printf("65535 commands: submit %.1f ms, durable after %.1f ms and %llu writes\n",
            submitted - start, milliseconds() - start, (unsigned long long)w->control->writes);
    cr_assert_eq(count_in_memory(w), N);
    restart(w);
    started = milliseconds();
    cr_assert_eq(start_control(w), 0);
    printf("65535 entries: start %.1f ms\n", milliseconds() - started);
    cr_assert_eq(w->fake.count, N);
}
