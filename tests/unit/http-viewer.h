/* SPDX-License-Identifier: MIT */
#pragma once

/* Those who watch /events of a server (http-world.h). */

#include "http-world.h"

/* Packets for the live view. */
void push(World *w, unsigned n);
/* The connection. `last_id` may be NULL. */
int watch(World *w, const char *last_id);
/* That a connection is closed shows at the second packet, once the first one was refused. */
void leave(World *w, int fd);
