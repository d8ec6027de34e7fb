/* SPDX-License-Identifier: MIT */
#pragma once

/* Keeps the datapath attached to the interfaces that the configuration wants: told what interfaces
 * there are, it attaches and detaches by the difference. Asks nobody when; that is link-watch.h.
 *
 * An interface is its index: under another name it stays attached, under another index it is
 * another one. While no default route is there, `auto` still means the interfaces of the last one,
 * so that a link that goes down and up is watched without a pause; and at the first update those to
 * which the process before was attached, so that a restart meanwhile is none, either.
 *
 * Borrows the datapath, which must outlive it, and detaches nothing when it is freed. */

#include "base/cleanup.h"
#include "datapath/datapath.h"
#include "datapath/interfaces.h"

typedef struct Attacher Attacher;

typedef enum DetachReason {
    DETACH_GONE,     /* the interface was deleted, or moved to another network namespace */
    DETACH_UNWANTED, /* no pattern means it any more */
    DETACH_LOST,     /* somebody removed us, or it was away for a moment */
    DETACH_CHANGED,  /* its frames look different now */
    _DETACH_REASON_MAX,
} DetachReason;
const char *detach_reason_text(DetachReason reason); /* "it is gone", ... */

/* Texts are valid during the call. */
typedef struct AttacherObserver {
    void (*attached)(const char *interface, void *userdata);
    void (*detached)(const char *interface, DetachReason reason, void *userdata);
    /* Once for each interface and kind of error; it is tried again at every update. */
    void (*failed)(const char *interface, int error, void *userdata);
    /* Packets of `interface` also pass `other`, and both are watched. */
    void (*counted_twice)(const char *interface, const char *other, void *userdata);
    /* The attachments are not what they were. */
    void (*changed)(const Attachment *items, size_t count, void *userdata);
    void *userdata;
} AttacherObserver;

int attacher_new(Datapath *datapath, const AttacherObserver *observer, Attacher **ret);
Attacher *attacher_free(Attacher *attacher);
DEFINE_CLEANUP(Attacher *, attacher_free);

/* Returns how many interfaces are attached now, or -ENOMEM (then what could be done was done). */
int attacher_update(Attacher *attacher, const Interfaces *interfaces, const StringList *patterns);
/* Asks the kernel. Whether an update would have something to do although no interface changed: an
 * attachment was lost, or one failed before. */
bool attacher_needs_update(Attacher *attacher);

/* The attachments under their present names, and the interfaces that are wanted but could not be
 * attached. Valid until the next call. */
const Attachment *attacher_attachments(Attacher *attacher, size_t *ret_count);
