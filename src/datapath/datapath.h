/* SPDX-License-Identifier: MIT */
#pragma once

/* The one door to the packets. Behind it stands either the kernel (bpf*.c: TC programs and maps) or
 * a synthetic world (mock.c); nothing in front of it knows which. No libbpf type passes through.
 *
 * Single-threaded: all calls come from the event loop's thread, and none of them waits. */

#include "base/cleanup.h"
#include "flow/attachment.h"
#include "flow/counters.h"
#include "flow/flow.h"
#include "flow/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Datapath Datapath;

typedef struct DatapathLimits {
    uint32_t list_capacity; /* entries a list */
    uint32_t flow_capacity;
    uint32_t fragment_capacity;
    uint32_t ring_bytes;
    bool clsact_only; /* also where the kernel has TCX */
} DatapathLimits;

/* --- lists */

#define SLOT_NONE 0U

/* One difference. The slot is the caller's number for the entry (1 .. datapath_slots()-1), under
 * which its hits are counted. */
typedef struct ListChange {
    ListId list;
    bool add; /* false: remove */
    Prefix prefix;
    uint32_t slot;
} ListChange;

/* --- events: the best-effort plane */

typedef void (*PacketEventFn)(const PacketEvent *event, void *userdata);

typedef struct EventBudget {
    uint32_t packets_per_second;      /* for PASS, SKIP, SSH together */
    uint32_t drop_packets_per_second; /* for DROP alone */
} EventBudget;

/* --- handover: what outlives the process */

/* A file descriptor that a service manager may keep and pass to the next process, with its name
 * there (FDNAME= of sd_notify(3)). Names of maps carry the ABI version, names of links don't: a
 * link lives on whatever program is put behind it. */
#define HANDOVER_NAME_MAX 64
#define HANDOVER_PREFIX   "ntc-" /* of all such names */
#define HANDOVER_MAX      512

typedef struct HandoverFd {
    char name[HANDOVER_NAME_MAX];
    int fd;
} HandoverFd;

typedef void (*ListVisitFn)(const ListChange *held, void *userdata);

/* --- the interface */

typedef struct DatapathOps {
    const char *mode; /* "bpf", "mock": D-Bus property Mode */

    Datapath *(*free)(Datapath *datapath);

    /* Attaches both directions, first in the chain. 0; -EALREADY; -ENODEV when the interface is
     * gone; -EOPNOTSUPP for a link type that can't be parsed; other -errno from the kernel. All or
     * nothing. */
    int (*attach)(Datapath *datapath, uint32_t ifindex, const char *name);
    /* 0, -ENOENT. Fine for an interface that no longer exists. */
    int (*detach)(Datapath *datapath, uint32_t ifindex);
    /* Asks the kernel whether we are still attached, in both directions, and updates what
     * attachments() says. 0, -ENODEV if not, -ENOENT if we never were. */
    int (*verify)(Datapath *datapath, uint32_t ifindex);
    const Attachment *(*attachments)(Datapath *datapath, size_t *ret_count);

    int (*read_counters)(Datapath *datapath, Counters *ret);

    /* A scan hands out every flow that existed when it began, in portions. scan_next() fills up to
     * `max` samples and returns how many; 0 = the scan is complete. */
    int (*scan_begin)(Datapath *datapath);
    int (*scan_next)(Datapath *datapath, FlowSample *samples, size_t max);
    /* Deletes one flow and returns its final totals. -ENOENT. */
    int (*end_flow)(Datapath *datapath, const FlowKey *key, FlowSample *ret);
    /* Room was made: new flows may be tried again. */
    void (*flows_have_room)(Datapath *datapath);

    /* Applies all changes or none, then makes every flow be judged anew. When it returns 0, packets
     * that arrive from now on are judged by the new lists. -ENOSPC, -EEXIST, -ENOENT, others; on
     * failure the lists are what they were. */
    int (*apply_lists)(Datapath *datapath, const ListChange *changes, size_t n);
    /* Hits of a slot since it was last cleared. */
    int (*read_hits)(Datapath *datapath, uint32_t slot, Count *ret);
    /* Makes `slots` reusable: waits out packets that may still hold them, zeroes their hits. */
    int (*recycle_slots)(Datapath *datapath, const uint32_t *slots, size_t n);
    uint32_t (*slots)(Datapath *datapath); /* valid slots are 1 .. slots-1 */

    int (*set_ssh_ports)(Datapath *datapath, const uint16_t *ports, size_t n);

    /* Events flow only while enabled. */
    int (*set_events)(Datapath *datapath, bool enabled, EventBudget budget);

    uint64_t (*memory_bytes)(Datapath *datapath); /* of the kernel's maps (0 for mock) */

    /* The rest is NULL where nothing outlives the process; use the functions below. */

    /* Counters are older than this process, and flows, perhaps. */
    bool (*adopted)(Datapath *datapath);
    /* An earlier process was attached to the interface, and what it left there still runs. Until
     * handover_done(). */
    bool (*was_attached)(Datapath *datapath, uint32_t ifindex);
    /* Hits are, too: slots that no entry holds may have some, and want recycling before their use.
     */
    bool (*slots_used)(Datapath *datapath);
    /* The number that those of events are counted from: that of the process before if its counters
     * are adopted, else `fresh`, which is kept with the counters. */
    uint64_t (*event_base)(Datapath *datapath, uint64_t fresh);
    /* Visits every entry that the datapath's lists hold. Returns 1 if those are older than this
     * process, else 0. */
    int (*read_lists)(Datapath *datapath, ListVisitFn visit, void *userdata);
    /* Everything that should outlive the process; descriptors are borrowed. Returns how many. */
    size_t (*handover)(Datapath *datapath, HandoverFd *ret, size_t max);
    /* One process goes on where another ended: what would otherwise be removed at the end stays in
     * place for the next one, and what the one before left is ours. (TCX links need no word: they
     * live as long as anyone holds them.) To be told before handover_done(). */
    void (*leave_attached)(Datapath *datapath);
    /* All interfaces that are wanted have been attached: lets go of inherited links nobody claimed,
     * and of filters left where we are attached by none; and has every flow judged anew by the
     * lists of this process. */
    void (*handover_done)(Datapath *datapath);
} DatapathOps;

struct Datapath {
    const DatapathOps *ops;
};

/* The real thing. Loads the program and creates the maps (nothing is attached yet). Packet events
 * are delivered from `event`'s loop to `on_event`. On failure *ret_hint, if asked for, is a static
 * sentence that tells what to do about it. Needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON (or
 * CAP_SYS_ADMIN). */
int datapath_new_bpf(sd_event *event, const DatapathLimits *limits, HandoverFd *inherited,
        size_t n_inherited, PacketEventFn on_event, void *userdata, Datapath **ret,
        const char **ret_hint);

/* Removes ntc's tc filters, and no others, from every interface of this network namespace, for when
 * the daemon that left them won't come back. Returns how many, or the first -errno (the rest is
 * tried all the same). */
int datapath_bpf_detach_all(void);

typedef struct MockOptions {
    uint32_t packets_per_second;
    uint32_t seed; /* 0 = random */
} MockOptions;

/* Synthetic traffic: no privileges, no kernel. */
int datapath_new_mock(sd_event *event, const DatapathLimits *limits, const MockOptions *options,
        PacketEventFn on_event, void *userdata, Datapath **ret);

static inline Datapath *datapath_free(Datapath *datapath)
{
    return datapath ? datapath->ops->free(datapath) : NULL;
}
DEFINE_CLEANUP(Datapath *, datapath_free);

static inline bool datapath_adopted(Datapath *datapath)
{
    return datapath->ops->adopted && datapath->ops->adopted(datapath);
}

static inline bool datapath_was_attached(Datapath *datapath, uint32_t ifindex)
{
    return datapath->ops->was_attached && datapath->ops->was_attached(datapath, ifindex);
}

static inline bool datapath_slots_used(Datapath *datapath)
{
    return datapath->ops->slots_used && datapath->ops->slots_used(datapath);
}

static inline uint64_t datapath_event_base(Datapath *datapath, uint64_t fresh)
{
    return datapath->ops->event_base ? datapath->ops->event_base(datapath, fresh) : fresh;
}

static inline int datapath_read_lists(Datapath *datapath, ListVisitFn visit, void *userdata)
{
    return datapath->ops->read_lists ? datapath->ops->read_lists(datapath, visit, userdata) : 0;
}

static inline size_t datapath_handover(Datapath *datapath, HandoverFd *ret, size_t max)
{
    return datapath->ops->handover ? datapath->ops->handover(datapath, ret, max) : 0;
}

static inline void datapath_leave_attached(Datapath *datapath)
{
    if (datapath->ops->leave_attached)
        datapath->ops->leave_attached(datapath);
}

static inline void datapath_handover_done(Datapath *datapath)
{
    if (datapath->ops->handover_done)
        datapath->ops->handover_done(datapath);
}
