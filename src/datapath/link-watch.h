/* SPDX-License-Identifier: MIT */
#pragma once

/* Watches the interfaces, addresses and routes of this network namespace (rtnetlink(7) on the event
 * loop), and has the attacher follow: an interface that appears is attached to within milliseconds.
 *
 * Messages only say that something changed; what there is now is asked anew, at most every
 * LINK_WATCH_REST_MSEC. So a lost message (ENOBUFS) costs nothing but asking. Every
 * LINK_WATCH_VERIFY_SEC the attachments are held against the kernel.
 *
 * Borrows event loop, datapath and patterns. Detaches nothing when it is freed. */

#include "datapath/attacher.h"

#include <systemd/sd-event.h>

#define LINK_WATCH_REST_MSEC      50
#define LINK_WATCH_ADDRESSES_MSEC 1000
#define LINK_WATCH_VERIFY_SEC     3

typedef struct LinkWatch LinkWatch;

typedef struct LinkWatchObserver {
    AttacherObserver attacher;
    /* Addresses or default routes of this machine changed: at once, then at most every
     * LINK_WATCH_ADDRESSES_MSEC. */
    void (*addresses_changed)(void *userdata);
    void *userdata;
} LinkWatchObserver;

/* Listens from now on; attaches nothing yet. */
int link_watch_new(sd_event *event, Datapath *datapath, const StringList *patterns,
        const LinkWatchObserver *observer, LinkWatch **ret);
LinkWatch *link_watch_free(LinkWatch *watch);
DEFINE_CLEANUP(LinkWatch *, link_watch_free);

/* Attaches to what is there. Returns how many interfaces are attached, or -errno. */
int link_watch_update(LinkWatch *watch);
/* After a reload; update yourself. */
void link_watch_set_patterns(LinkWatch *watch, const StringList *patterns);
const Attachment *link_watch_attachments(LinkWatch *watch, size_t *ret_count);
