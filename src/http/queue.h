/* SPDX-License-Identifier: MIT */
#pragma once

/* Complete requests, waiting to be run. Time is dealt out fairly (start-time fair queueing): first
 * between those on this machine or with the token and everybody else, then between peers. Whoever
 * asks for much, or for what is dear, waits behind those who don't; a lone request waits for one
 * other at most. Bounded by the number of connections. A request's time is the wall's, which is
 * what others waited for it (and costs a tenth of asking for the processor's, twice a request).
 *
 * While nobody waits a request is run as it comes, for some of a turn's time: to wait costs as much
 * as a small answer. */

#include "http/request.h"

typedef struct Queue Queue;

int queue_new(HttpServer *server, Queue **ret);
Queue *queue_free(Queue *queue);
DEFINE_CLEANUP(Queue *, queue_free);

/* Requests may be run as they come, for so long from `now_ns` on. */
void queue_begin_turn(Queue *queue, uint64_t now_ns, uint64_t budget_ns);
/* Runs the request, or suspends it until its turn comes. */
void queue_add(Queue *queue, Request *request);
bool queue_waits(const Queue *queue);
size_t queue_length(const Queue *queue);
/* Runs some, one at least, for `budget_ns`. False: there was none. */
bool queue_run(Queue *queue, uint64_t budget_ns);
