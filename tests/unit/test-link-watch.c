/* SPDX-License-Identifier: MIT */
/* The attacher, told what interfaces there are. (The messages of a real kernel:
 * tests/system/test_hotplug.py.) */

#include "datapath/attacher.h"

#include <criterion/criterion.h>
#include <net/if_arp.h>
#include <string.h>

#define INDEX_MAX 300

/* A datapath that attaches where it may. */
typedef struct Fake {
    Datapath base; /* first */
    bool attached[INDEX_MAX];
    int error[INDEX_MAX]; /* of the next attach */
    unsigned n_attached, room;
    uint32_t before; /* the process before was attached to this one */
    Attachment shown[INDEX_MAX];
} Fake;

static int fake_attach(Datapath *datapath, uint32_t ifindex, const char *name)
{
    Fake *fake = (Fake *)datapath;

    if (fake->error[ifindex])
        return fake->error[ifindex];
    if (fake->attached[ifindex])
        return -EALREADY;
    if (fake->n_attached == fake->room)
        return -E2BIG;
    fake->attached[ifindex] = true;
    fake->n_attached++;
    return 0;
}

static int fake_detach(Datapath *datapath, uint32_t ifindex)
{
    Fake *fake = (Fake *)datapath;

    if (!fake->attached[ifindex])
        return -ENOENT;
    fake->attached[ifindex] = false;
    fake->n_attached--;
    return 0;
}

static int fake_verify(Datapath *datapath, uint32_t ifindex)
{
    return ((Fake *)datapath)->attached[ifindex] ? 0 : -ENODEV;
}

static bool fake_was_attached(Datapath *datapath, uint32_t ifindex)
{
    return ((Fake *)datapath)->before == ifindex;
}

static const Attachment *fake_attachments(Datapath *datapath, size_t *ret_count)
{
    Fake *fake = (Fake *)datapath;
    size_t n = 0;

    for (uint32_t i = 0; i < INDEX_MAX; i++)
        if (fake->attached[i])
            fake->shown[n++] = (Attachment){
                    .ifindex = i, .interface = "old", .attached = {true, true}, .hook = "fake"};
    *ret_count = n;
    return fake->shown;
}

static const DatapathOps fake_ops = {.attach = fake_attach,
        .detach = fake_detach,
        .verify = fake_verify,
        .attachments = fake_attachments,
        .was_attached = fake_was_attached};

typedef struct World {
    Fake fake;
    Attacher *attacher;
    StringList patterns;
    char log[4096]; /* what the observer was told */
} World;

static void tell(World *w, const char *what, const char *a, const char *b)
{
    size_t n = strlen(w->log);

    snprintf(w->log + n, sizeof(w->log) - n, "%s %s%s%s\n", what, a, b ? " " : "", b ? b : "");
}

static void on_attached(const char *interface, void *userdata)
{
    tell(userdata, "+", interface, NULL);
}

static void on_detached(const char *interface, DetachReason reason, void *userdata)
{
    tell(userdata, "-", interface, detach_reason_text(reason));
}

static void on_failed(const char *interface, int error, void *userdata)
{
    tell(userdata, "!", interface, strerror(-error));
}

static void on_twice(const char *interface, const char *other, void *userdata)
{
    tell(userdata, "2", interface, other);
}

static void on_changed(const Attachment *items, size_t count, void *userdata)
{
    char text[32];

    snprintf(text, sizeof(text), "%zu", count);
    tell(userdata, "=", text, NULL);
}

static World *open_world(const char *pattern)
{
    World *w = calloc(1, sizeof(*w));
    AttacherObserver observer = {on_attached, on_detached, on_failed, on_twice, on_changed, w};

    cr_assert(w);
    w->fake.base.ops = &fake_ops;
    w->fake.room = INDEX_MAX;
    w->patterns = (StringList){.count = 1, .items = {(char *)(uintptr_t)pattern}};
    cr_assert_eq(attacher_new(&w->fake.base, &observer, &w->attacher), 0);
    return w;
}

static void close_world(World *w)
{
    attacher_free(w->attacher);
    free(w);
}

/* Updates with `n` interfaces, and holds what was told against `expected`. */
static int update(World *w, const Interface *items, size_t n, const char *expected)
{
    Interfaces all = {};
    int r;

    w->log[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(interfaces_add(&all, &items[i]), 0);
        all.any_default_route |= items[i].default_route;
    }
    r = attacher_update(w->attacher, &all, &w->patterns);
    interfaces_done(&all);
    cr_assert_str_eq(w->log, expected);
    return r;
}

static Interface ethernet(uint32_t ifindex, const char *name)
{
    Interface interface = {.ifindex = ifindex, .type = ARPHRD_ETHER};

    snprintf(interface.name, sizeof(interface.name), "%s", name);
    return interface;
}

Test(link_watch, follows_by_index)
{
    World *w = open_world("eth*");
    Interface two[] = {ethernet(2, "eth0"), ethernet(3, "wlan0")};
    Interface again[] = {ethernet(9, "eth0"), ethernet(3, "wlan0")};

    cr_assert_eq(update(w, two, 2, "+ eth0\n= 1\n"), 1);
    cr_assert_eq(update(w, two, 2, ""), 1);
    cr_assert_eq(update(w, again, 2, "- eth0 it is gone\n+ eth0\n= 1\n"), 1);
    cr_assert(w->fake.attached[9] && !w->fake.attached[2] && !w->fake.attached[3]);
    cr_assert_eq(update(w, again + 1, 1, "- eth0 it is gone\n= 0\n"), 0);
    close_world(w);
}

Test(link_watch, another_name_is_no_other_interface)
{
    World *w = open_world("[el]*");
    Interface before = ethernet(2, "eth0"), after = ethernet(2, "lan0"), bad = ethernet(2, "x");
    const Attachment *shown;
    size_t n;

    update(w, &before, 1, "+ eth0\n= 1\n");
    update(w, &after, 1, "= 1\n");
    shown = attacher_attachments(w->attacher, &n);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(shown[0].interface, "lan0");
    cr_assert_str_eq(shown[0].hook, "fake");
    update(w, &bad, 1, "- lan0 the configuration does not mean it any more\n= 0\n");
    close_world(w);
}

Test(link_watch, what_was_lost_comes_back)
{
    World *w = open_world("eth0");
    Interface eth0 = ethernet(2, "eth0"), raw = eth0;

    update(w, &eth0, 1, "+ eth0\n= 1\n");
    cr_assert(!attacher_needs_update(w->attacher));
    fake_detach(&w->fake.base, 2);
    cr_assert(attacher_needs_update(w->attacher));
    update(w, &eth0, 1, "- eth0 the kernel let go of it\n+ eth0\n= 1\n");
    cr_assert(!attacher_needs_update(w->attacher));
    raw.type = ARPHRD_NONE;
    update(w, &raw, 1, "- eth0 its link type changed\n+ eth0\n= 1\n");
    close_world(w);
}

Test(link_watch, failures_are_told_once_and_tried_again)
{
    World *w = open_world("*");
    Interface two[] = {ethernet(2, "eth0"), ethernet(3, "odd0")};
    const Attachment *shown;
    size_t n;

    w->fake.error[3] = -EOPNOTSUPP;
    cr_assert_eq(update(w, two, 2, "+ eth0\n! odd0 Operation not supported\n= 2\n"), 1);
    shown = attacher_attachments(w->attacher, &n);
    cr_assert(n == 2 && shown[0].attached[0] && !shown[1].attached[0] && !shown[1].attached[1]);
    cr_assert_str_eq(shown[1].interface, "odd0");
    cr_assert(attacher_needs_update(w->attacher));
    cr_assert_eq(update(w, two, 2, ""), 1);
    w->fake.error[3] = -EPERM;
    update(w, two, 2, "! odd0 Operation not permitted\n= 2\n");
    w->fake.error[3] = 0;
    cr_assert_eq(update(w, two, 2, "+ odd0\n= 2\n"), 2);
    cr_assert(!attacher_needs_update(w->attacher));
    close_world(w);
}

/* It will be told in a moment; nothing to worry anybody with. */
Test(link_watch, gone_between_looking_and_attaching)
{
    World *w = open_world("*");
    Interface eth0 = ethernet(2, "eth0");

    w->fake.error[2] = -ENODEV;
    cr_assert_eq(update(w, &eth0, 1, "= 1\n"), 0);
    cr_assert_eq(update(w, NULL, 0, "= 0\n"), 0);
    close_world(w);
}

Test(link_watch, one_complaint_about_too_many)
{
    World *w = open_world("*");
    Interface many[200];
    unsigned n = ELEMENTSOF(many);

    for (unsigned i = 0; i < n; i++) {
        char name[16];

        snprintf(name, sizeof(name), "v%u", i);
        many[i] = ethernet(i + 1, name);
    }
    w->fake.room = 3;
    cr_assert_eq(update(w, many, n, "+ v0\n+ v1\n+ v2\n! v3 Argument list too long\n= 200\n"), 3);
    cr_assert_eq(update(w, many, n, ""), 3);
    /* Room for one of them. */
    cr_assert_eq(update(w, many + 1, n - 1, "- v0 it is gone\n+ v3\n= 199\n"), 3);
    close_world(w);
}

Test(link_watch, auto_keeps_the_last_default_route)
{
    World *w = open_world("auto");
    Interface links[] = {ethernet(2, "eth0"), ethernet(3, "eth1")};

    cr_assert_eq(update(w, links, 2, ""), 0);
    links[0].default_route = true;
    update(w, links, 2, "+ eth0\n= 1\n");
    links[0].default_route = false;
    update(w, links, 2, "");
    update(w, links, 2, "");
    links[1].default_route = true;
    update(w, links, 2, "- eth0 the configuration does not mean it any more\n+ eth1\n= 1\n");
    links[0].default_route = true;
    cr_assert_eq(update(w, links, 2, "+ eth0\n= 2\n"), 2);
    /* Gone is gone, and comes back only as a default route. */
    links[1].default_route = false;
    update(w, links + 1, 1, "- eth0 it is gone\n= 1\n");
    cr_assert(w->fake.attached[3]);
    links[0].default_route = false;
    update(w, links, 2, "");
    close_world(w);
}

Test(link_watch, auto_keeps_what_the_process_before_watched)
{
    World *w = open_world("auto");
    Interface links[] = {ethernet(2, "eth0"), ethernet(3, "eth1")};

    w->fake.before = 2;
    update(w, links, 2, "+ eth0\n= 1\n");
    update(w, links, 2, "");
    /* Only at the first update. */
    w->fake.before = 3;
    update(w, links, 2, "");
    links[1].default_route = true;
    update(w, links, 2, "- eth0 the configuration does not mean it any more\n+ eth1\n= 1\n");
    close_world(w);
}

Test(link_watch, a_default_route_counts_more_than_what_was_watched_before)
{
    World *w = open_world("auto");
    Interface links[] = {ethernet(2, "eth0"), ethernet(3, "eth1")};

    w->fake.before = 2;
    links[1].default_route = true;
    update(w, links, 2, "+ eth1\n= 1\n");
    close_world(w);
}

Test(link_watch, warns_of_packets_counted_twice)
{
    World *w = open_world("*");
    Interface links[] = {ethernet(2, "br0"), ethernet(3, "eth0"), ethernet(4, "vlan7"),
            ethernet(5, "veth0"), ethernet(6, "veth1")};

    links[3].lower = 6;
    links[4].lower = 5;
    update(w, links, 3, "+ br0\n+ eth0\n+ vlan7\n= 3\n");
    links[1].master = 2;
    update(w, links, 3, "2 eth0 br0\n");
    links[2].lower = 3;
    update(w, links, 3, "2 vlan7 eth0\n");
    update(w, links, 5, "+ veth0\n+ veth1\n2 veth0 veth1\n= 5\n");
    links[1].master = 0;
    update(w, links, 5, "");
    links[1].master = 2;
    update(w, links, 5, "2 eth0 br0\n");
    /* Only where both are watched. */
    w->patterns.items[0] = (char *)(uintptr_t) "eth0";
    update(w, links, 2,
            "- veth1 it is gone\n- veth0 it is gone\n- vlan7 it is gone\n"
            "- br0 the configuration does not mean it any more\n= 1\n");
    close_world(w);
}
