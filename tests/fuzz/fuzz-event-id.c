/* SPDX-License-Identifier: MIT */
/* Last-Event-ID, after whatever happened to the ring. The first bytes are its history: events,
 * gaps, alerts, a restart that adopts the numbers; the rest is the header's text. Whoever resumes
 * gets exactly what came after it and is still held; an unknown number resumes nothing. */

#include "fuzz.h"

#include "base/text.h"
#include "http/event-ring.h"

enum { HISTORY_BYTES = 24, CAPACITY = 8 };

static void happen(EventRing *ring, uint8_t what)
{
    static const char text[256 * 64];

    if (what % 5 == 2)
        event_ring_raise_seq(ring, what);
    else
        event_ring_push(ring, what % 5 > 2, text, what * 64U);
}

static bool given_out(const EventRing *ring, uint64_t seq)
{
    for (uint64_t c = event_ring_tail(ring); c < event_ring_head(ring); c++)
        if (event_ring_seq(ring, c) == seq)
            return true;
    return false;
}

static void check_order(const EventRing *ring)
{
    uint64_t last = 0;

    CHECK(event_ring_head(ring) - event_ring_tail(ring) <= event_ring_capacity(ring));
    for (uint64_t c = event_ring_tail(ring); c < event_ring_head(ring); c++) {
        uint64_t seq = event_ring_seq(ring, c);

        CHECK(seq == 0 || seq > last);
        last = seq ? seq : last;
    }
}

static void check_found(const EventRing *ring, uint64_t seq)
{
    uint64_t cursor = UINT64_MAX, head = event_ring_head(ring), tail = event_ring_tail(ring);
    int r = event_ring_find(ring, seq, &cursor);

    CHECK(r == 0 || r == 1 || (r == -ENOENT && cursor == UINT64_MAX));
    CHECK(seq == 0 || !given_out(ring, seq) || r == 0);
    if (r < 0)
        return;
    CHECK(cursor >= tail && cursor <= head);
    for (uint64_t c = tail; c < head; c++) {
        uint64_t other = event_ring_seq(ring, c);

        CHECK(other == 0 || (c < cursor) == (other <= seq));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t history = MIN_OF(size, (size_t)HISTORY_BYTES);
    _cleanup_free_ char *text = fuzz_text(data + history, size - history);
    _cleanup_(event_ring_freep) EventRing *ring = NULL;
    uint64_t seq;

    CHECK(event_ring_new(CAPACITY, &ring) == 0);
    for (size_t i = 0; i < history; i++)
        happen(ring, data[i]);
    check_order(ring);
    if (parse_uint64(text, 0, UINT64_MAX, &seq) == 0)
        check_found(ring, seq);
    for (seq = 0; seq < 300; seq++)
        check_found(ring, seq);
    return 0;
}
