/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may change things over HTTP: the one place where that is decided.
 *
 * Today: over the unix socket root and the daemon's own user (SO_PEERCRED); over TCP whoever is on
 * this machine, provided that no proxy speaks for somebody else. Nobody from elsewhere. */

#include "http/request.h"

Caller access_caller(struct MHD_Connection *connection);
/* False: request->reply is the refusal, and the refusal was reported. */
bool access_may_write(Request *request);
