/* SPDX-License-Identifier: MIT */
#pragma once

/* The last events of the live view, shared by all its clients: each has a cursor into it. Bounded;
 * a client that is overtaken must be told so by whoever owns the cursor. Cursors are absolute and
 * never wrap. */

#include "base/cleanup.h"
#include "base/text.h"
#include "flow/packet.h"

#include <stdbool.h>

/* One packet; or (seq = 0) an alert, or a gap: so many packets were not shown here. */
typedef struct EventRecord {
    uint64_t seq;
    uint64_t wall_ns;
    PacketEvent packet;
    uint64_t alert;       /* its number in the log; 0 = none */
    uint64_t gap_packets; /* 0 = nobody knows how many */
} EventRecord;

typedef struct EventRing EventRing;

int event_ring_new(size_t capacity, EventRing **ret);
EventRing *event_ring_free(EventRing *ring);
DEFINE_CLEANUP(EventRing *, event_ring_free);

size_t event_ring_capacity(const EventRing *ring);
uint64_t event_ring_tail(const EventRing *ring); /* the oldest that is held */
uint64_t event_ring_head(const EventRing *ring); /* where the next one will be */

/* Sequence numbers go on from at least `seq`. */
void event_ring_raise_seq(EventRing *ring, uint64_t seq);
void event_ring_push(EventRing *ring, const PacketEvent *packet, uint64_t wall_ns);
/* A gap right after another one becomes one with it if nobody can have seen that one yet (`merge`).
 */
void event_ring_push_gap(EventRing *ring, uint64_t packets, bool merge);

void event_ring_push_alert(EventRing *ring, uint64_t number);

const EventRecord *event_ring_get(
        const EventRing *ring, uint64_t cursor); /* tail <= cursor < head */
/* 0 and the cursor after the event `seq`. 1 and the tail: what came right after it is no longer
 * held. -ENOENT: never given out. */
int event_ring_find(const EventRing *ring, uint64_t seq, uint64_t *ret_cursor);
