/* SPDX-License-Identifier: MIT */
#pragma once

/* What every request must pass before a byte of its body is read: one unambiguous message (RFC
 * 9112), a Host that no foreign web site can make a browser send (DNS rebinding), no foreign origin
 * for writes, a route and a method that exist, a caller that may write. */

#include "http/request.h"

/* True: go on. False: request->reply is the refusal. */
bool guard_check(Request *request);
