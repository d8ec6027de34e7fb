/* SPDX-License-Identifier: MIT */
#pragma once

/* The kernel's side of the accounting, taken apart: the flow map, the program on two CPUs, and
 * their counters. Each CPU goes a step at a time, and a step is what nobody can come between; what
 * the scanner calls lets the CPUs go on wherever the kernel would. So it follows ntc_handle_ip()
 * (bpf/ntc.bpf.c), bpf/account.bpf.h, and the kernel's hash map: its lock keeps flows from being
 * made and removed in the bucket it looks at, but not the program from adding to one it has found.
 */

#include "interleave.h"

#include "datapath/datapath.h"

enum { MAP_CPUS = 2, MAP_FLOWS = 2, MAP_NOW_SEC = 100 };

/* What a CPU does next with its packet. */
enum { LOOKUP, CREATE, FIND, COUNT, UNTRACKED, ADD, STORE, SEEN };
/* Whose packets. */
enum { OWNER, OTHERS };

typedef enum MapFault {
    MAP_SOUND,
    MAP_ADDS_BEFORE_IT_COUNTS,
    MAP_ENDS_WITHOUT_READING, /* the flow as the scan saw it */
} MapFault;

typedef struct MapEntry {
    int32_t flow;       /* -1: free */
    uint32_t owner_cpu; /* which alone writes the first of: */
    uint32_t packets[2];
    uint32_t copied[2]; /* user space has read them, and is about to delete them */
    uint32_t first_seen_sec, last_seen_sec;
} MapEntry;

typedef struct MapCpu {
    const char *packets; /* to come, a letter each: of flow 'a' or 'b' */
    int32_t step;
    int32_t entry;   /* that the program has found; -1: none */
    uint32_t loaded; /* what it is about to add to */
    uint32_t astride;
    uint32_t counted, untracked;
} MapCpu;

typedef struct FlowMap {
    Datapath base;
    Interleave *orders; /* NULL: the CPUs sleep */
    MapFault fault;
    uint32_t capacity;
    uint32_t seen[MAP_FLOWS]; /* by the scan */

    /* All that can still make a difference. */
    struct {
        MapCpu cpus[MAP_CPUS];
        MapEntry entries[MAP_FLOWS];
        int32_t at[MAP_FLOWS]; /* where a flow is; -1: nowhere */
        int32_t locked;        /* whose bucket user space has locked; -1: none */
        uint32_t full;
        uint32_t cursor;
        uint32_t place;            /* how far user space is */
        uint32_t added[MAP_FLOWS]; /* packets, by those they belong to */
        uint32_t homeless;         /* counted without a flow */
        uint32_t missed;           /* counted when a scan began, and not yet added when it passed */
        int32_t error;             /* of what the flows hold: added too late (-), or wrongly (+) */
        uint32_t blunders;         /* how often */
        uint32_t misplaced;        /* added to a flow that has taken the place of their own */
        uint64_t told;             /* a hash of all that user space was told */
    } s;
} FlowMap;

void flow_map_init(FlowMap *map, uint32_t capacity);
/* A flow that CPU 0 made. */
void flow_map_hold(FlowMap *map, unsigned flow, uint32_t packets, uint32_t last_seen_sec);
/* The CPUs do as much as they like, from nothing to all. */
void flow_map_let_go_on(FlowMap *map);
/* The CPUs go on to their end. */
void flow_map_finish(FlowMap *map);
