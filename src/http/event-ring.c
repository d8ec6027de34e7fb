/* SPDX-License-Identifier: MIT */
/* Two rings: the messages, and the bytes of their texts one behind the other. Positions in both are
 * absolute. A message goes when its place in either is needed. */

#include "http/event-ring.h"

#include <errno.h>
#include <string.h>

#define TEXT_BYTES_MIN 65536U

typedef struct EventRecord {
    uint64_t seq;   /* 0: no event */
    uint64_t begin; /* of its text */
} EventRecord;

struct EventRing {
    uint64_t head, tail;
    uint64_t seq;       /* the last one given out */
    uint64_t seq_first; /* the first one of this life */
    uint64_t text_end;  /* where the next text begins */
    size_t capacity, text_bytes;
    char *text;
    EventRecord records[];
};

int event_ring_new(size_t capacity, EventRing **ret)
{
    _cleanup_(event_ring_freep) EventRing *ring = NULL;

    capacity = MAX_OF(capacity, (size_t)1);
    ring = calloc(1, sizeof(*ring) + capacity * sizeof(EventRecord));
    if (!ring)
        return -ENOMEM;
    ring->capacity = capacity;
    ring->seq_first = 1;
    /* The kernel gives this memory only when it is written to: nobody watches, nothing is used. */
    ring->text_bytes = MAX_OF(capacity * EVENT_RING_MESSAGE_BYTES, (size_t)TEXT_BYTES_MIN);
    ring->text = malloc(ring->text_bytes);
    if (!ring->text)
        return -ENOMEM;
    *ret = TAKE_PTR(ring);
    return 0;
}

EventRing *event_ring_free(EventRing *ring)
{
    if (!ring)
        return NULL;
    free(ring->text);
    free(ring);
    return NULL;
}

size_t event_ring_capacity(const EventRing *ring)
{
    return ring->capacity;
}

uint64_t event_ring_head(const EventRing *ring)
{
    return ring->head;
}

uint64_t event_ring_tail(const EventRing *ring)
{
    return ring->tail;
}

static const EventRecord *get(const EventRing *ring, uint64_t cursor)
{
    return &ring->records[cursor % ring->capacity];
}

/* Also of the message that is not there yet. */
static uint64_t begin_of(const EventRing *ring, uint64_t cursor)
{
    return cursor < ring->head ? get(ring, cursor)->begin : ring->text_end;
}

uint64_t event_ring_seq(const EventRing *ring, uint64_t cursor)
{
    return get(ring, cursor)->seq;
}

size_t event_ring_size(const EventRing *ring, uint64_t cursor)
{
    return begin_of(ring, cursor + 1) - begin_of(ring, cursor);
}

void event_ring_raise_seq(EventRing *ring, uint64_t seq)
{
    if (seq <= ring->seq)
        return;
    if (ring->seq < ring->seq_first) /* none given out yet */
        ring->seq_first = seq + 1;
    ring->seq = seq;
}

uint64_t event_ring_next_seq(const EventRing *ring)
{
    return ring->seq + 1;
}

static void make_room(EventRing *ring, size_t size)
{
    while (ring->tail < ring->head &&
            (ring->head - ring->tail == ring->capacity ||
                    ring->text_end + size - begin_of(ring, ring->tail) > ring->text_bytes))
        ring->tail++;
}

static void copy_in(EventRing *ring, const char *text, size_t size)
{
    size_t at = ring->text_end % ring->text_bytes, first = MIN_OF(size, ring->text_bytes - at);

    memcpy(ring->text + at, text, first);
    memcpy(ring->text, text + first, size - first);
    ring->text_end += size;
}

static void copy_out(const EventRing *ring, uint64_t begin, char *buffer, size_t size)
{
    size_t at = begin % ring->text_bytes, first = MIN_OF(size, ring->text_bytes - at);

    memcpy(buffer, ring->text + at, first);
    memcpy(buffer + first, ring->text, size - first);
}

void event_ring_push(EventRing *ring, bool is_event, const char *text, size_t size)
{
    size = MIN_OF(size, (size_t)TEXT_BYTES_MIN);
    make_room(ring, size);
    ring->records[ring->head % ring->capacity] =
            (EventRecord){.seq = is_event ? ++ring->seq : 0, .begin = ring->text_end};
    copy_in(ring, text, size);
    ring->head++;
}

size_t event_ring_copy(const EventRing *ring, uint64_t *cursor, char *buffer, size_t max)
{
    uint64_t begin = begin_of(ring, *cursor), end = *cursor;

    while (end < ring->head && begin_of(ring, end + 1) - begin <= max)
        end++;
    *cursor = end;
    copy_out(ring, begin, buffer, begin_of(ring, end) - begin);
    return begin_of(ring, end) - begin;
}

/* Gaps and alerts lie in between and have no number, so the search walks back from the newest
 * event. */
int event_ring_find(const EventRing *ring, uint64_t seq, uint64_t *ret_cursor)
{
    if (seq < ring->seq_first || seq > ring->seq)
        return -ENOENT;
    for (uint64_t cursor = ring->head; cursor > ring->tail; cursor--) {
        uint64_t other = event_ring_seq(ring, cursor - 1);

        if (other != 0 && other <= seq) {
            *ret_cursor = cursor;
            return 0;
        }
    }
    *ret_cursor = ring->tail;
    return ring->tail > 0;
}
