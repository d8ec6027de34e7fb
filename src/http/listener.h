/* SPDX-License-Identifier: MIT */
#pragma once

/* One listening socket: an MHD daemon without threads, driven by the event loop. */

#include "http/server-state.h"

/* Takes over `fd`, also on failure. */
int listener_new(HttpServer *server, int fd, Listener **ret);
/* No request may be waiting (request.h) any more. */
Listener *listener_free(Listener *listener);
DEFINE_CLEANUP(Listener *, listener_free);

HttpServer *listener_server(const Listener *listener);
/* Lets MHD look at resumed connections, from the loop and soon: never from within the caller, which
 * may itself be called from within MHD. */
void listener_kick(Listener *listener);
unsigned listener_connections(const Listener *listener);
