/* SPDX-License-Identifier: MIT */
#pragma once

/* Replies as libmicrohttpd's responses, with the headers that every answer has. Those of fixed
 * bytes are made once and kept. */

#include "http/reply.h"

#include <microhttpd.h>

typedef struct Responses Responses;

int responses_new(Responses **ret);
Responses *responses_free(Responses *responses); /* after the MHD daemon */
DEFINE_CLEANUP(Responses *, responses_free);

/* Takes the reply's body. `stream`: the body instead, owned from now on; NULL if there is none. */
enum MHD_Result responses_queue(Responses *responses, struct MHD_Connection *connection,
        Reply *reply, struct MHD_Response *stream);
