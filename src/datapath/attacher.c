/* SPDX-License-Identifier: MIT */
#include "datapath/attacher.h"

#include <string.h>

typedef struct Watched {
    Interface interface; /* as it was seen last */
    int error;           /* why it is not attached; 0 = it is */
    uint32_t told_master;
    uint32_t told_lower;
} Watched;

struct Attacher {
    Datapath *datapath;
    AttacherObserver observer;
    Watched *items;
    size_t count;
    size_t allocated;
    Attachment *shown;
    bool changed;
    bool updated; /* once at least */
};

const char *detach_reason_text(DetachReason reason)
{
    static const char *const texts[_DETACH_REASON_MAX] = {"it is gone",
            "the configuration does not mean it any more", "the kernel let go of it",
            "its link type changed"};

    return texts[reason];
}

int attacher_new(Datapath *datapath, const AttacherObserver *observer, Attacher **ret)
{
    Attacher *attacher = calloc(1, sizeof(*attacher));

    if (!attacher)
        return -ENOMEM;
    attacher->datapath = datapath;
    attacher->observer = *observer;
    *ret = attacher;
    return 0;
}

Attacher *attacher_free(Attacher *attacher)
{
    if (!attacher)
        return NULL;
    free(attacher->items);
    free(attacher->shown);
    free(attacher);
    return NULL;
}

static Watched *find(Attacher *attacher, uint32_t ifindex)
{
    for (size_t i = 0; i < attacher->count; i++)
        if (attacher->items[i].interface.ifindex == ifindex)
            return &attacher->items[i];
    return NULL;
}

/* Room for one more, in both arrays. */
static int reserve(Attacher *attacher)
{
    size_t n = MAX_OF(2 * attacher->allocated, (size_t)16);
    Attachment *shown;
    Watched *items;

    if (attacher->count < attacher->allocated)
        return 0;
    items = reallocarray(attacher->items, n, sizeof(*items));
    if (!items)
        return -ENOMEM;
    attacher->items = items;
    shown = reallocarray(attacher->shown, n, sizeof(*shown));
    if (!shown)
        return -ENOMEM;
    attacher->shown = shown;
    attacher->allocated = n;
    return 0;
}

/* --- detach */

/* The last one takes its place. */
static void let_go(Attacher *attacher, Watched *watched, DetachReason reason)
{
    Watched gone = *watched;

    *watched = attacher->items[--attacher->count];
    attacher->changed = true;
    if (gone.error)
        return;
    (void)attacher->datapath->ops->detach(attacher->datapath, gone.interface.ifindex);
    attacher->observer.detached(gone.interface.name, reason, attacher->observer.userdata);
}

/* An interface as the patterns are to see it: without any default route the last one counts. Which
 * one that was in the process before is not told, so all count on which it left something. */
static Interface as_seen(const Attacher *attacher, const Interface *interface,
        const Watched *watched, const Interfaces *interfaces)
{
    Interface seen = *interface;

    if (interfaces->any_default_route)
        return seen;
    if (watched)
        seen.default_route = watched->interface.default_route;
    else if (!attacher->updated)
        seen.default_route = datapath_was_attached(attacher->datapath, interface->ifindex);
    return seen;
}

static void refresh(Attacher *attacher, Watched *watched, const Interface *seen)
{
    if (strcmp(watched->interface.name, seen->name) != 0)
        attacher->changed = true;
    watched->interface = *seen;
}

static bool is_lost(const Attacher *attacher, const Watched *watched)
{
    return !watched->error &&
           attacher->datapath->ops->verify(attacher->datapath, watched->interface.ifindex) < 0;
}

static void drop_unwanted(
        Attacher *attacher, const Interfaces *interfaces, const StringList *patterns)
{
    for (size_t i = attacher->count; i-- > 0;) {
        Watched *watched = &attacher->items[i];
        const Interface *now = interfaces_find(interfaces, watched->interface.ifindex);
        Interface seen;

        if (!now) {
            let_go(attacher, watched, DETACH_GONE);
            continue;
        }
        seen = as_seen(attacher, now, watched, interfaces);
        if (!interface_is_wanted(&seen, patterns))
            let_go(attacher, watched, DETACH_UNWANTED);
        else if (seen.type != watched->interface.type)
            let_go(attacher, watched, DETACH_CHANGED);
        else if (is_lost(attacher, watched))
            let_go(attacher, watched, DETACH_LOST);
        else
            refresh(attacher, watched, &seen);
    }
}

/* --- attach */

static bool is_full(int error)
{
    return error == -E2BIG || error == -ENOSPC;
}

/* Where there is no room, the first one stands for all. */
static bool is_news(const Attacher *attacher, const Watched *watched, int error)
{
    if (watched->error == error)
        return false;
    for (size_t i = 0; is_full(error) && i < attacher->count; i++)
        if (is_full(attacher->items[i].error))
            return false;
    return true;
}

static void try_attach(Attacher *attacher, Watched *watched)
{
    const AttacherObserver *observer = &attacher->observer;
    int r = attacher->datapath->ops->attach(
            attacher->datapath, watched->interface.ifindex, watched->interface.name);

    if (r == -EALREADY)
        r = 0;
    if (r == 0)
        observer->attached(watched->interface.name, observer->userdata);
    else if (r != -ENODEV && is_news(attacher, watched, r))
        observer->failed(watched->interface.name, r, observer->userdata);
    if (r != watched->error)
        attacher->changed = true;
    watched->error = r;
}

static int watch(Attacher *attacher, const Interface *seen)
{
    Watched *watched;

    if (reserve(attacher) < 0)
        return -ENOMEM;
    watched = &attacher->items[attacher->count++];
    *watched = (Watched){.interface = *seen, .error = -EINPROGRESS};
    try_attach(attacher, watched);
    return 0;
}

static int attach_wanted(
        Attacher *attacher, const Interfaces *interfaces, const StringList *patterns)
{
    int r = 0;

    for (size_t i = 0; i < interfaces->count && r >= 0; i++) {
        const Interface *interface = &interfaces->items[i];
        Watched *watched = find(attacher, interface->ifindex);
        Interface seen;

        if (watched && watched->error)
            try_attach(attacher, watched);
        if (watched)
            continue;
        seen = as_seen(attacher, interface, NULL, interfaces);
        if (interface_is_wanted(&seen, patterns))
            r = watch(attacher, &seen);
    }
    return r;
}

/* --- relations */

static void warn_once(Attacher *attacher, const Watched *watched, uint32_t other, uint32_t *told)
{
    const Watched *there = other ? find(attacher, other) : NULL;
    const AttacherObserver *observer = &attacher->observer;

    if (!there || there->error || watched->error) {
        *told = 0;
        return;
    }
    if (*told != other)
        observer->counted_twice(watched->interface.name, there->interface.name, observer->userdata);
    *told = other;
}

/* The two ends of a veth name each other: the second one has nothing to add. */
static uint32_t lower_of(Attacher *attacher, const Watched *watched)
{
    const Watched *lower = find(attacher, watched->interface.lower);
    bool mutual = lower && lower->interface.lower == watched->interface.ifindex;

    return mutual && lower->interface.ifindex < watched->interface.ifindex
                   ? 0
                   : watched->interface.lower;
}

static void warn_of_doubles(Attacher *attacher)
{
    for (size_t i = 0; i < attacher->count; i++) {
        Watched *watched = &attacher->items[i];

        warn_once(attacher, watched, watched->interface.master, &watched->told_master);
        warn_once(attacher, watched, lower_of(attacher, watched), &watched->told_lower);
    }
}

/* --- all of it */

static void tell_changes(Attacher *attacher)
{
    const Attachment *items;
    size_t count;

    if (!attacher->changed)
        return;
    attacher->changed = false;
    items = attacher_attachments(attacher, &count);
    attacher->observer.changed(items, count, attacher->observer.userdata);
}

int attacher_update(Attacher *attacher, const Interfaces *interfaces, const StringList *patterns)
{
    int n = 0, r;

    drop_unwanted(attacher, interfaces, patterns);
    r = attach_wanted(attacher, interfaces, patterns);
    attacher->updated = true;
    warn_of_doubles(attacher);
    tell_changes(attacher);
    for (size_t i = 0; i < attacher->count; i++)
        n += attacher->items[i].error == 0;
    return r < 0 ? r : n;
}

bool attacher_needs_update(Attacher *attacher)
{
    for (size_t i = 0; i < attacher->count; i++)
        if (attacher->items[i].error || is_lost(attacher, &attacher->items[i]))
            return true;
    return false;
}

const Attachment *attacher_attachments(Attacher *attacher, size_t *ret_count)
{
    size_t n;
    const Attachment *items = attacher->datapath->ops->attachments(attacher->datapath, &n);

    for (size_t i = 0; i < attacher->count; i++) {
        const Interface *interface = &attacher->items[i].interface;
        Attachment *shown = &attacher->shown[i];

        *shown = (Attachment){.ifindex = interface->ifindex, .hook = "none"};
        for (size_t k = 0; k < n; k++)
            if (items[k].ifindex == interface->ifindex)
                *shown = items[k];
        memcpy(shown->interface, interface->name, sizeof(shown->interface));
    }
    *ret_count = attacher->count;
    return attacher->shown;
}
