/* SPDX-License-Identifier: MIT */
#pragma once

/* What a connection tells about who is calling. Facts only: what they entitle to is access.c's
 * business. */

#include "http/members.h"
#include "http/request.h"

/* Over what, from which address (accept(2)'s); on a unix socket, from which uid. */
Caller caller_of(int fd, const struct sockaddr *address);

bool caller_is_loopback(const Caller *caller);
/* Of the process at the other end of a unix socket, as it was when it connected. */
bool caller_has_group(int fd, const Members *members);
