/* SPDX-License-Identifier: MIT */
#pragma once

/* How those are answered who may not: what is wrong, what to do instead, and a line in the journal,
 * so many for each address and no more. */

#include "http/request.h"

/* Whom access.c takes the caller for. */
typedef enum Standing {
    STANDING_TOKEN,
    STANDING_MEMBER,
    STANDING_STRANGER,  /* on this machine, and nobody who may */
    STANDING_NOBODY,    /* on this machine, and no process holds the other end */
    STANDING_UNTOLD,    /* on this machine, and the kernel can't tell */
    STANDING_PROXY,     /* passed on */
    STANDING_ELSEWHERE, /* on another machine */
    _STANDING_MAX,
} Standing;

/* `has_token`: there is one to try again with. */
void refuse_standing(Request *request, Standing standing, bool has_token);
/* `wait_ns` > 0: it was not even looked at. */
void refuse_token(Request *request, uint64_t wait_ns);
