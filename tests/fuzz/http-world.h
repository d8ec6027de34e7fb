/* SPDX-License-Identifier: MIT */
#pragma once

/* A whole HTTP server with the mock datapath, a few flows and a state file in memory, made at the
 * first use and kept. */

#include "fuzz.h"

#include "base/text.h"

/* Sends, shuts the sending side if asked to, and reads until the server closes. */
void http_world_exchange(const TextBuffer *request, bool then_hang_up, TextBuffer *ret_answer);
void http_world_empty_lists(void);
