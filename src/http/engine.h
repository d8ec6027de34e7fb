/* SPDX-License-Identifier: MIT */
#pragma once

/* libmicrohttpd on the event loop: one MHD daemon without threads and without a listening socket of
 * its own. All that HTTP does happens in turns: connections are accepted, what arrived is read,
 * complete requests are run (queue.h), answers are written. A turn is bounded, and HTTP may have a
 * fixed share of the processor: when it had more, everything of it rests for some milliseconds.
 * Packets, scans, timers and the bus go on meanwhile. */

#include "http/connections.h"

typedef struct Engine Engine;

int engine_new(HttpServer *server, Engine **ret);
/* No request may be waiting (request.h) any more. Closes all connections. */
Engine *engine_free(Engine *engine);
DEFINE_CLEANUP(Engine *, engine_free);

/* A turn, from the loop and soon: never from within the caller, which may itself be called from
 * within libmicrohttpd. */
void engine_kick(Engine *engine);
/* Something of HTTP was done outside of a turn, from when clock_thread_ns() was `begin_thread_ns`.
 */
void engine_charge(Engine *engine, uint64_t begin_thread_ns);
/* Takes over the descriptor of `connection`, also on failure. */
int engine_add(Engine *engine, Connection *connection, const struct sockaddr *address,
        socklen_t address_size);

uint64_t engine_rests(const Engine *engine);
uint64_t engine_rested_usec(const Engine *engine);
