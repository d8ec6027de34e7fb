/* SPDX-License-Identifier: MIT */
#pragma once

/* The last messages of the live view, as the text that is sent: each is written once, and copied
 * from here by all clients, who have a cursor each. Bounded by their number and by their text; a
 * client that is overtaken must be told so by whoever owns the cursor. Cursors are absolute and
 * never wrap. */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a message, on average. An event is seldom longer; then fewer are held. */
#define EVENT_RING_MESSAGE_BYTES 384U

typedef struct EventRing EventRing;

int event_ring_new(size_t capacity, EventRing **ret); /* in messages; -ENOMEM */
EventRing *event_ring_free(EventRing *ring);
DEFINE_CLEANUP(EventRing *, event_ring_free);

size_t event_ring_capacity(const EventRing *ring);
uint64_t event_ring_tail(const EventRing *ring); /* the oldest that is held */
uint64_t event_ring_head(const EventRing *ring); /* where the next one will be */

/* Sequence numbers go on from at least `seq`. */
void event_ring_raise_seq(EventRing *ring, uint64_t seq);
/* The number of the event that is pushed next. */
uint64_t event_ring_next_seq(const EventRing *ring);
/* An event, which takes the next number, or something without one: a gap, an alert. Needs no
 * memory, and takes any text up to 64 kB. */
void event_ring_push(EventRing *ring, bool is_event, const char *text, size_t size);

/* For both: tail <= cursor < head. The number is 0 if it is no event. */
uint64_t event_ring_seq(const EventRing *ring, uint64_t cursor);
size_t event_ring_size(const EventRing *ring, uint64_t cursor); /* of its text */
/* Copies as many whole messages as there are and as fit into `max` bytes, and moves the cursor past
 * them. Returns the bytes. */
size_t event_ring_copy(const EventRing *ring, uint64_t *cursor, char *buffer, size_t max);

/* 0 and the cursor after the event `seq`. 1 and the tail: what came right after it is no longer
 * held. -ENOENT: never given out. */
int event_ring_find(const EventRing *ring, uint64_t seq, uint64_t *ret_cursor);
