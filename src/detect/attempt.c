/* SPDX-License-Identifier: MIT */
#include "detect/attempt.h"

int attempt_queue_init(AttemptQueue *queue)
{
    *queue = (AttemptQueue){.items = calloc(ATTEMPTS_MAX, sizeof(Attempt))};
    return queue->items ? 0 : -ENOMEM;
}

void attempt_queue_done(AttemptQueue *queue)
{
    free(queue->items);
    *queue = (AttemptQueue){};
}

bool attempt_queue_is_full(const AttemptQueue *queue)
{
    return queue->count == ATTEMPTS_MAX;
}

void attempt_queue_push(AttemptQueue *queue, const Attempt *attempt)
{
    queue->items[(queue->first + queue->count++) % ATTEMPTS_MAX] = *attempt;
}

bool attempt_queue_pop(AttemptQueue *queue, uint64_t until_ns, Attempt *ret)
{
    if (queue->count == 0 || queue->items[queue->first].seen_ns > until_ns)
        return false;
    *ret = queue->items[queue->first];
    queue->first = (queue->first + 1) % ATTEMPTS_MAX;
    queue->count--;
    return true;
}
