/* SPDX-License-Identifier: MIT */
#pragma once

/* Sliding windows (stats/window.h) of many things at once, each in a slot of its own: made to be
 * walked. Private to address-table.c, which says whose a slot is.
 *
 * What is asked of all lies together, a cache line a slot, in the order of memory. These sums are
 * always those of the window: what is added to a bucket is added to them, too, and a bucket that
 * runs out is taken off them. Buckets lie in rows, those of all slots for the same 5 s one after
 * the other, so that this is a walk along memory as well. */

#include "stats/window.h"

#include "base/address.h"
#include "base/cleanup.h"

typedef struct AddressSums {
    uint64_t packets; /* 0: nobody, or idle for a whole window */
    uint64_t bytes;
    uint64_t dropped_packets;
    uint64_t syn_packets;
    uint64_t ack_packets;
    uint32_t ports;     /* distinct ones it sent to */
    uint32_t ports_due; /* before this bucket none of them is outdated */
    Address address;    /* whose the slot is: the owner's business */
} AddressSums;

typedef struct SlotBucket SlotBucket;

typedef struct SlotWindows {
    uint32_t bucket; /* the running one */
    uint32_t n;      /* slots that may hold something */
    AddressSums *sums;
    PortSet *ports;
    uint32_t sketch_budget;
    SlotBucket *rows[WINDOW_BUCKETS]; /* bucket b is in row b % WINDOW_BUCKETS */
} SlotWindows;

/* Memory for `max` slots, which the kernel gives when it is used. -ENOMEM: `windows` is to be done
 * all the same. */
int slot_windows_init(SlotWindows *windows, uint32_t max);
void slot_windows_done(SlotWindows *windows);

/* Lets time pass. Does nothing if `bucket` isn't later than the running one. */
void slot_windows_advance(SlotWindows *windows, uint32_t bucket);
/* To the bucket `added->bucket`, which may be past; `port` 0: none. */
void slot_windows_add(SlotWindows *windows, size_t slot, const WindowSums *added, uint16_t port);
/* As of `bucket`, now or later. */
AddressSums slot_windows_get(const SlotWindows *windows, size_t slot, uint32_t bucket);
/* The slot is nobody's; its sums must be 0. */
void slot_windows_clear(SlotWindows *windows, size_t slot);
