/* SPDX-License-Identifier: MIT */
#include "control-world.h"
#include "leaks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

StoreClock fake_now = {1000 * NSEC_PER_SEC, 1800000000ULL * NSEC_PER_SEC, "boot-a"};

static StoreClock fake_clock(void)
{
    return fake_now;
}

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

int start_control(World *w)
{
    ControlObserver observer = {on_changed, on_feeds, on_failed, w};
    int r = control_new(
            w->event, &w->config, &w->fake.base, &observer, &w->control, &w->report, &w->error);

    if (r >= 0)
        w->control->clock = fake_clock;
    return r;
}

World *new_world(uint32_t capacity)
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

void free_world(World **world)
{
    World *w = *world;
    char command[128];

    control_free(w->control);
    sd_event_unref(w->event);
    free(w->fake.entries);
    snprintf(command, sizeof(command), "rm -rf '%s'", w->folder);
    cr_assert_eq(system(command), 0);
    free(w); /* Tests run in children that never exit normally: the leak check must be called. */
    abort_on_leaks();
}
void on_done(const CommandResult *result, void *userdata)
{
    Reply *reply = userdata;

    reply->times++;
    reply->error = result->error;
    reply->changed = result->changed;
    snprintf(reply->message, sizeof(reply->message), "%s", result->message ? result->message : "");
    snprintf(reply->address, sizeof(reply->address), "%s", result->address ? result->address : "");
}

static const Caller root_over_http = {.transport = TRANSPORT_HTTP, .uid = 0};

Command command(const char *address, bool add)
{
    return (Command){.list = LIST_BLACKLIST,
            .verb = add ? COMMAND_ADD : COMMAND_REMOVE,
            .address = address,
            .caller = root_over_http};
}

void submit(World *w, const Command *c, Reply *reply)
{
    *reply = (Reply){};
    cr_assert_eq(control_submit(w->control, c, NULL, on_done, reply), 0);
}

void settle(World *w)
{
    /* What is to be saved without an edit is saved once the loop turns. */
    for (int i = 0; i < 10 && w->control->unsaved && !w->control->writing; i++)
        cr_assert_geq(sd_event_run(w->event, 0), 0);
    while (w->control->writing)
        cr_assert_geq(sd_event_run(w->event, 5 * USEC_PER_SEC), 0);
}

ControlError run(World *w, const Command *c, Reply *reply)
{
    submit(w, c, reply);
    settle(w);
    cr_assert_eq(reply->times, 1);
    return reply->error;
}

ControlError add(World *w, const char *address, Reply *reply)
{
    Command c = command(address, true);

    return run(w, &c, reply);
}

ControlError drop(World *w, const char *address, Reply *reply)
{
    Command c = command(address, false);

    return run(w, &c, reply);
}

ListEntry *entry_of(World *w, const char *text)
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

size_t count_in_memory(World *w)
{
    return list_count(control_list(w->control, LIST_BLACKLIST)) +
           list_count(control_list(w->control, LIST_WHITELIST));
}

void assert_all_agree(World *w, size_t n)
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
void break_disk(World *w)
{
    char inside[256];

    (void)unlink(w->path);
    cr_assert_eq(mkdir(w->path, 0755), 0);
    snprintf(inside, sizeof(inside), "%s/x", w->path);
    cr_assert_eq(mkdir(inside, 0755), 0);
}

void mend_disk(World *w)
{
    char inside[256];

    snprintf(inside, sizeof(inside), "%s/x", w->path);
    cr_assert_eq(rmdir(inside), 0);
    cr_assert_eq(rmdir(w->path), 0);
}

static void numbered(char text[static ADDRESS_TEXT_MAX], uint32_t n)
{
    Address address = address_from_in((struct in_addr){htonl(0x0b000000U + n)});

    address_format(&address, text);
}

void fill(World *w, uint32_t from, uint32_t n, Reply *replies)
{
    for (uint32_t i = 0; i < n; i++) {
        char text[ADDRESS_TEXT_MAX];
        Command c = command(text, true);

        numbered(text, from + i);
        submit(w, &c, &replies[i]);
    }
}

void add_for(World *w, const char *address, uint64_t ttl_sec)
{
    Command c = command(address, true);
    Reply reply;

    c.ttl_sec = ttl_sec;
    cr_assert_eq(run(w, &c, &reply), CONTROL_OK);
}

void restart(World *w)
{
    w->control = control_free(w->control);
    w->fake.count = 0;
    w->fake.applies = 0;
}

bool file_has(World *w, const char *wanted)
{
    char text[4096] = "";
    FILE *file = fopen(w->path, "r");

    cr_assert(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return strstr(text, wanted);
}
