/* SPDX-License-Identifier: MIT */
#pragma once

/* What was sent and not answered yet: a bounded queue in which each attempt waits a moment for its
 * answer before it is judged. Private to detect. */

#include "base/cleanup.h"
#include "flow/flow.h"

#include <stdbool.h>

#define ATTEMPTS_MAX 8192U

typedef struct Attempt {
    FlowKey key;
    uint32_t packets;
    uint32_t syn_packets;
    uint64_t seen_ns;
} Attempt;

typedef struct AttemptQueue {
    Attempt *items; /* owned; ATTEMPTS_MAX */
    uint32_t first;
    uint32_t count;
} AttemptQueue;

int attempt_queue_init(AttemptQueue *queue); /* -ENOMEM */
void attempt_queue_done(AttemptQueue *queue);
bool attempt_queue_is_full(const AttemptQueue *queue);
void attempt_queue_push(AttemptQueue *queue, const Attempt *attempt); /* not when full */
/* The oldest, if it was seen at `until_ns` or before. */
bool attempt_queue_pop(AttemptQueue *queue, uint64_t until_ns, Attempt *ret);
