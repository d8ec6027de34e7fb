/* SPDX-License-Identifier: MIT */
#include "http/event-ring.h"

struct EventRing {
    uint64_t head;
    uint64_t seq;       /* the last one given out */
    uint64_t seq_first; /* the first one of this life */
    size_t capacity;
    EventRecord records[];
};

int event_ring_new(size_t capacity, EventRing **ret)
{
    EventRing *ring;

    if (capacity == 0)
        capacity = 1;
    ring = calloc(1, sizeof(*ring) + capacity * sizeof(EventRecord));
    if (!ring)
        return -ENOMEM;
    ring->capacity = capacity;
    ring->seq_first = 1;
    *ret = ring;
    return 0;
}

EventRing *event_ring_free(EventRing *ring)
{
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
    return ring->head > ring->capacity ? ring->head - ring->capacity : 0;
}

static EventRecord *slot(EventRing *ring, uint64_t cursor)
{
    return &ring->records[cursor % ring->capacity];
}

const EventRecord *event_ring_get(const EventRing *ring, uint64_t cursor)
{
    return &ring->records[cursor % ring->capacity];
}

void event_ring_raise_seq(EventRing *ring, uint64_t seq)
{
    if (seq <= ring->seq)
        return;
    if (ring->seq < ring->seq_first) /* none given out yet */
        ring->seq_first = seq + 1;
    ring->seq = seq;
}

void event_ring_push(EventRing *ring, const PacketEvent *packet, uint64_t wall_ns)
{
    *slot(ring, ring->head++) =
            (EventRecord){.seq = ++ring->seq, .wall_ns = wall_ns, .packet = *packet};
}

void event_ring_push_gap(EventRing *ring, uint64_t packets, bool merge)
{
    EventRecord *last = ring->head > 0 ? slot(ring, ring->head - 1) : NULL;

    if (!merge || !last || last->seq != 0 || last->alert != 0)
        *slot(ring, ring->head++) = (EventRecord){.gap_packets = packets};
    else if (packets == 0 || last->gap_packets == 0)
        last->gap_packets = 0;
    else
        last->gap_packets += packets;
}

void event_ring_push_alert(EventRing *ring, uint64_t number)
{
    *slot(ring, ring->head++) = (EventRecord){.alert = number};
}

/* Gaps and alerts lie in between and have no number, so the search walks back from the newest
 * event. */
int event_ring_find(const EventRing *ring, uint64_t seq, uint64_t *ret_cursor)
{
    uint64_t tail = event_ring_tail(ring);

    if (seq < ring->seq_first || seq > ring->seq)
        return -ENOENT;
    for (uint64_t cursor = ring->head; cursor > tail; cursor--) {
        const EventRecord *record = event_ring_get(ring, cursor - 1);

        if (record->seq != 0 && record->seq <= seq) {
            *ret_cursor = cursor;
            return 0;
        }
    }
    *ret_cursor = tail;
    return tail > 0;
}
