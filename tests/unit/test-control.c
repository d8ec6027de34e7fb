/* SPDX-License-Identifier: MIT */
/* The single path against a datapath that remembers what it was told and can refuse, and against a
 * disk that can refuse. */

#include "base/clock.h"
#include "control/control-internal.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* --- a datapath --------------------------------------------------------------------------------
 */

#define FAKE_ENTRIES 70000
#define FAKE_LOG     256

typedef struct Fake {
    Datapath base;
    ListChange *entries;
    size_t count;
    ListChange log[FAKE_LOG]; /* the changes of the last calls, in order */
    size_t n_log;
    unsigned applies;
    unsigned recycled;
    int refuse; /* the next apply's answer */
    uint32_t slots;
    size_t n_ssh_ports;
    bool slow; /* don't check for duplicates */
} Fake;

static ListChange *fake_find(Fake *fake, const ListChange *change)
{
    for (size_t i = 0; i < fake->count; i++)
        if (fake->entries[i].list == change->list &&
                prefix_equal(&fake->entries[i].prefix, &change->prefix))
            return &fake->entries[i];
    return NULL;
}

static int fake_change(Fake *fake, const ListChange *change)
{
    ListChange *found = fake->slow ? NULL : fake_find(fake, change);

    cr_assert_neq(change->slot, SLOT_NONE);
    cr_assert_lt(change->slot, fake->slots);
    if (change->add && found)
        return -EEXIST;
    if (!change->add && !found)
        return -ENOENT;
    if (change->add) {
        fake->entries[fake->count++] = *change;
    } else {
        cr_assert_eq(found->slot, change->slot);
        *found = fake->entries[--fake->count];
    }
    if (fake->n_log < FAKE_LOG)
        fake->log[fake->n_log++] = *change;
    return 0;
}

static int fake_apply(Datapath *datapath, const ListChange *changes, size_t n)
{
    Fake *fake = (Fake *)datapath;
    int r = fake->refuse;

    fake->refuse = 0;
    fake->applies++;
    for (size_t i = 0; i < n && r >= 0; i++) {
        r = fake_change(fake, &changes[i]);
        cr_assert_eq(r, 0, "the kernel was asked for what is not so");
    }
    return r;
}

static int fake_read_hits(Datapath *datapath, uint32_t slot, Count *ret)
{
    *ret = (Count){slot, slot * 100ULL};
    return 0;
}

static int fake_read_counters(Datapath *datapath, Counters *ret)
{
    *ret = (Counters){};
    ret->by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_DROP] = (Count){7, 700};
    ret->by[PROTOCOL_UDP][DIRECTION_EGRESS][ACTION_SKIP] = (Count){3, 300};
    return 0;
}

static int fake_recycle(Datapath *datapath, const uint32_t *slots, size_t n)
{
    ((Fake *)datapath)->recycled += n;
    return 0;
}

static uint32_t fake_slots(Datapath *datapath)
{
    return ((Fake *)datapath)->slots;
}

static int fake_set_ssh_ports(Datapath *datapath, const uint16_t *ports, size_t n)
{
    ((Fake *)datapath)->n_ssh_ports = n;
    return 0;
}

static const DatapathOps fake_ops = {.mode = "fake",
        .apply_lists = fake_apply,
        .read_hits = fake_read_hits,
        .read_counters = fake_read_counters,
        .recycle_slots = fake_recycle,
        .slots = fake_slots,
        .set_ssh_ports = fake_set_ssh_ports};

/* --- a world -------------------------------------------------------------------------------------
 */

static StoreClock fake_now = {1000 * NSEC_PER_SEC, 1800000000ULL * NSEC_PER_SEC, "boot-a"};

static StoreClock fake_clock(void)
{
    return fake_now;
}

typedef struct World {
    char folder[64];
    char path[128];
    Config config;
    sd_event *event;
    Fake fake;
    Control *control;
    StoreReport report;
    ConfigError error;
    ListEvent events[64]; /* entries are not valid any more, types and counts are */
    char event_prefix[64][PREFIX_TEXT_MAX];
    size_t n_events;
    size_t storage_failed_undone;
    unsigned storage_failed;
} World;

static void on_changed(const ListEvent *event, void *userdata)
{
    World *w = userdata;

    if (w->n_events == 64)
        return;
    prefix_format(&event->entry->prefix, w->event_prefix[w->n_events]);
    w->events[w->n_events++] = *event;
}

static void on_feeds(const FeedsReport *report, void *userdata)
{
}

static void on_failed(const char *path, int error, size_t undone, void *userdata)
{
    World *w = userdata;

    cr_assert_str_eq(path, w->path);
    cr_assert_lt(error, 0);
    w->storage_failed++;
    w->storage_failed_undone = undone;
}

static int start_control(World *w)
{
    ControlObserver observer = {on_changed, on_feeds, on_failed, w};
    int r = control_new(
            w->event, &w->config, &w->fake.base, &observer, &w->control, &w->report, &w->error);

    if (r >= 0)
        w->control->clock = fake_clock;
    return r;
}

static World *new_world(uint32_t capacity)
{
    World *w = calloc(1, sizeof(*w));

    snprintf(w->folder, sizeof(w->folder), "/tmp/ntc-test-control-XXXXXX");
    cr_assert(mkdtemp(w->folder));
    snprintf(w->path, sizeof(w->path), "%s/lists.json", w->folder);
    w->config.persistence.path = w->path;
    w->config.lists.capacity = capacity;
    w->config.lists.ssh_ports[0] = 22;
    w->config.lists.n_ssh_ports = 1;
    w->fake.base.ops = &fake_ops;
    w->fake.slots = 2 * capacity + 1025;
    w->fake.entries = calloc(FAKE_ENTRIES, sizeof(*w->fake.entries));
    cr_assert_eq(sd_event_new(&w->event), 0);
    cr_assert_eq(start_control(w), 0, "%s", w->error.message);
    return w;
}

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void free_world(World **world)
{
    World *w = *world;
    char command[128];

    control_free(w->control);
    sd_event_unref(w->event);
    free(w->fake.entries);
    snprintf(command, sizeof(command), "rm -rf '%s'", w->folder);
    cr_assert_eq(system(command), 0);
    free(w); /* Tests run in children that never exit normally: the leak check must be called. */
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}
#define WORLD(w, capacity) __attribute__((cleanup(free_world))) World *w = new_world(capacity)

typedef struct Reply {
    unsigned times;
    ControlError error;
    bool changed;
    char message[512];
    char address[PREFIX_TEXT_MAX];
} Reply;

static void on_done(const CommandResult *result, void *userdata)
{
    Reply *reply = userdata;

    reply->times++;
    reply->error = result->error;
    reply->changed = result->changed;
    snprintf(reply->message, sizeof(reply->message), "%s", result->message ? result->message : "");
    snprintf(reply->address, sizeof(reply->address), "%s", result->address ? result->address : "");
}

static const Caller root_over_http = {.transport = TRANSPORT_HTTP, .uid = 0};

static Command command(const char *address, bool add)
{
    return (Command){.list = LIST_BLACKLIST,
            .verb = add ? COMMAND_ADD : COMMAND_REMOVE,
            .address = address,
            .caller = root_over_http};
}

static void submit(World *w, const Command *c, Reply *reply)
{
    *reply = (Reply){};
    cr_assert_eq(control_submit(w->control, c, NULL, on_done, reply), 0);
}

static void settle(World *w)
{
    while (w->control->writing)
        cr_assert_geq(sd_event_run(w->event, 5 * USEC_PER_SEC), 0);
}

static ControlError run(World *w, const Command *c, Reply *reply)
{
    submit(w, c, reply);
    settle(w);
    cr_assert_eq(reply->times, 1);
    return reply->error;
}

static ControlError add(World *w, const char *address, Reply *reply)
{
    Command c = command(address, true);

    return run(w, &c, reply);
}

static ControlError drop(World *w, const char *address, Reply *reply)
{
    Command c = command(address, false);

    return run(w, &c, reply);
}

static ListEntry *entry_of(World *w, const char *text)
{
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0);
    return list_get(control_list(w->control, LIST_BLACKLIST), &prefix);
}

/* What the file says, read by somebody else. */
static size_t count_in_file(World *w)
{
    List *lists[_LIST_MAX];
    StoreReport report;
    size_t n;

    for (ListId id = 0; id < _LIST_MAX; id++)
        cr_assert_eq(list_new(id, FAKE_ENTRIES, &lists[id]), 0);
    cr_assert_eq(store_load(w->path, lists, &fake_now, &report), 0);
    n = list_count(lists[LIST_BLACKLIST]) + list_count(lists[LIST_WHITELIST]);
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free(lists[id]);
    return n;
}

static size_t count_in_memory(World *w)
{
    return list_count(control_list(w->control, LIST_BLACKLIST)) +
           list_count(control_list(w->control, LIST_WHITELIST));
}

static void assert_all_agree(World *w, size_t n)
{
    cr_assert_eq(count_in_memory(w), n);
    cr_assert_eq(w->fake.count, n);
    cr_assert_eq(count_in_file(w), n);
    for (ListId id = 0; id < _LIST_MAX; id++) {
        const List *list = control_list(w->control, id);

        for (ListEntry *e = list_first(list); e; e = list_next(list, e)) {
            ListChange *found = fake_find(&w->fake, &(ListChange){.list = id, .prefix = e->prefix});

            cr_assert(found);
            cr_assert_eq(found->slot, e->slot);
        }
    }
}

/* A folder that isn't empty stands where the state file should: rename(2) refuses. */
static void break_disk(World *w)
{
    char inside[256];

    (void)unlink(w->path);
    cr_assert_eq(mkdir(w->path, 0755), 0);
    snprintf(inside, sizeof(inside), "%s/x", w->path);
    cr_assert_eq(mkdir(inside, 0755), 0);
}

static void mend_disk(World *w)
{
    char inside[256];

    snprintf(inside, sizeof(inside), "%s/x", w->path);
    cr_assert_eq(rmdir(inside), 0);
    cr_assert_eq(rmdir(w->path), 0);
}

/* --- the plain path ------------------------------------------------------------------------------
 */

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

/* --- who may
 * --------------------------------------------------------------------------------------
 */

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

/* --- limits
 * ---------------------------------------------------------------------------------------
 */

static void numbered(char text[static ADDRESS_TEXT_MAX], uint32_t n)
{
    Address address = address_from_in((struct in_addr){htonl(0x0b000000U + n)});

    address_format(&address, text);
}

static void fill(World *w, uint32_t from, uint32_t n, Reply *replies)
{
    for (uint32_t i = 0; i < n; i++) {
        char text[ADDRESS_TEXT_MAX];
        Command c = command(text, true);

        numbered(text, from + i);
        submit(w, &c, &replies[i]);
    }
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

/* --- batches and the disk
 * -------------------------------------------------------------------------
 */

Test(control, waiting_edits_are_written_together)
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

Test(control, a_noop_waits_for_what_it_rests_on)
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

Test(control, a_disk_that_refuses_undoes_newest_first)
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

Test(control, what_is_durable_stays_when_a_later_write_fails)
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
Test(control, what_can_not_be_undone_is_said_and_saved_later)
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

static void submit_again(const CommandResult *result, void *userdata)
{
    World *w = userdata;
    Command c = command("203.0.113.99", true);

    w->storage_failed += 100;
    cr_assert_eq(control_submit(w->control, &c, NULL, NULL, NULL), 0);
}

Test(control, a_callback_may_submit)
{
    WORLD(w, 1024);
    Command c = command("203.0.113.1", true);

    cr_assert_eq(control_submit(w->control, &c, NULL, submit_again, w), 0);
    settle(w);
    cr_assert_eq(w->storage_failed, 100);
    assert_all_agree(w, 2);
}

Test(control, a_client_that_left_is_not_called)
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

/* --- time
 * -----------------------------------------------------------------------------------------
 */

static void add_for(World *w, const char *address, uint64_t ttl_sec)
{
    Command c = command(address, true);
    Reply reply;

    c.ttl_sec = ttl_sec;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
}

Test(control, entries_expire_in_their_order)
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

Test(control, what_nobody_confirms_goes_again)
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

Test(control, what_was_confirmed_lives_as_long_as_was_asked_for)
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
    assert_all_agree(w, 1);
    cr_assert_eq(w->fake.applies, 1); /* of the start no entry, of confirming no change */
}

Test(control, the_timer_removes_what_expired)
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

Test(control, what_expired_stays_away_though_the_disk_refuses)
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

Test(control, a_kernel_that_refuses_an_expiry_keeps_the_entry)
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

/* --- start, reload, end
 * ---------------------------------------------------------------------------
 */

static void restart(World *w)
{
    w->control = control_free(w->control);
    w->fake.count = 0;
    w->fake.applies = 0;
}

Test(control, a_start_fills_the_kernel_in_one_step)
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

Test(control, a_later_versions_file_stops_the_start)
{
    WORLD(w, 1024);
    FILE *file;

    restart(w);
    file = fopen(w->path, "w");
    fputs("{\"format\":\"ntc-lists\",\"version\":9}", file);
    fclose(file);
    cr_assert_lt(start_control(w), 0);
    cr_assert_null(w->control);
    cr_assert(strstr(w->error.message, "later version"), "%s", w->error.message);
    cr_assert_eq(access(w->path, R_OK), 0);
}

Test(control, a_file_that_does_not_fit_stops_the_start)
{
    WORLD(w, 2000);
    _cleanup_free_ Reply *replies = calloc(1500, sizeof(*replies));

    fill(w, 0, 1500, replies);
    restart(w);
    w->config.lists.capacity = 1024;
    cr_assert_lt(start_control(w), 0);
    cr_assert(strstr(w->error.message, "lists.capacity"), "%s", w->error.message);
}

Test(control, waiting_for_confirmation_outlives_the_process)
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

Test(control, a_new_boot_saves_the_remaining_times_again)
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

static bool file_has(World *w, const char *wanted)
{
    char text[4096] = "";
    FILE *file = fopen(w->path, "r");

    cr_assert(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return strstr(text, wanted);
}

Test(control, what_remains_is_saved_now_and_then)
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

Test(control, nothing_remains_nothing_is_saved)
{
    WORLD(w, 1024);

    add_for(w, "203.0.113.1", 0);
    fake_now.boottime_ns += 86400 * NSEC_PER_SEC;
    remaining_save_in_time(w->control);
    cr_assert(!w->control->writing);
}

Test(control, a_stop_right_after_the_start_saves_nothing)
{
    WORLD(w, 1024);

    fake_now.boottime_ns = 1000 * NSEC_PER_SEC;
    add_for(w, "203.0.113.1", 86400);
    fake_now.boottime_ns += 30 * NSEC_PER_SEC;
    restart(w);
    cr_assert(file_has(w, "\"remaining_sec\":86400"));
}

Test(control, an_older_format_is_saved_in_the_present_one)
{
    WORLD(w, 1024);
    FILE *file;

    restart(w);
    file = fopen(w->path, "w");
    fputs("{\"blacklist\":[\"203.0.113.1\"],\"whitelist\":[\"198.51.100.0/24\"]}", file);
    fclose(file);
    cr_assert_eq(start_control(w), 0);
    cr_assert(w->report.migrated);
    settle(w);
    assert_all_agree(w, 2);
    cr_assert(file_has(w, "\"version\":1"));
}

Test(control, reload_takes_ports_and_refuses_the_rest)
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

/* --- size
 * -----------------------------------------------------------------------------------------
 */

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
