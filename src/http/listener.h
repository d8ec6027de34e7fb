/* SPDX-License-Identifier: MIT */
#pragma once

/* One listening socket: accepts, and hands on to connections.h and engine.h. Who finds no room is
 * told so in one line. */

#include "http/server-state.h"

/* At a time; the next time comes soon. */
#define LISTENER_ACCEPTS_MAX 64

/* Takes over `fd`, also on failure. */
int listener_new(HttpServer *server, int fd, Listener **ret);
Listener *listener_free(Listener *listener);
DEFINE_CLEANUP(Listener *, listener_free);

/* Accepts those who wait, LISTENER_ACCEPTS_MAX at most. */
void listener_accept(Listener *listener);
/* Nobody is accepted while it rests; the kernel keeps them waiting. */
void listener_rest(Listener *listener, bool rest);
