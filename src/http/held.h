/* SPDX-License-Identifier: MIT */
#pragma once

/* The answers that are held until their clients have taken them. Who asks for much and reads none
 * of it would have all memory filled with it: of one peer, and in all, so much is held and no more.
 * Small answers are not counted, their number is bounded by the connections; nor are those for
 * whoever may change things. */

#include "http/request.h"

#define HELD_SMALL_MAX ((size_t)64 * 1024)
#define HELD_PEER_MAX  ((size_t)8 * 1024 * 1024)
#define HELD_MAX       ((size_t)32 * 1024 * 1024)

/* The request's reply is about to be sent. Where there is no room for it, it becomes a refusal. */
void held_take(Request *request);
/* It was sent, or never will be. */
void held_release(Request *request);
