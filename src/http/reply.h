/* SPDX-License-Identifier: MIT */
#pragma once

/* An answer on its way: status, body, and the few headers that vary. Routes fill one; request.c
 * hands it to libmicrohttpd together with the headers that every answer has. A zeroed Reply is
 * "none yet". */

#include "base/cleanup.h"
#include "base/text.h"

typedef struct Reply {
    unsigned status;   /* 0: none yet */
    const char *type;  /* static; NULL = application/json */
    const char *allow; /* static; for 405 */
    bool close;        /* and no further request on this connection */
    unsigned retry_after_sec;
    const char *authenticate;                    /* static; WWW-Authenticate */
    const char *encoding, *etag, *cache_control; /* static; NULL = none, none, no-store */
    const void *fixed; /* static bytes instead of `body`, always with the same headers */
    size_t fixed_size;
    TextBuffer body;
} Reply;

void reply_done(Reply *reply);

/* Replaces whatever `reply` held by {"ok":false,"error":code,"message":...}. */
void reply_error(Reply *reply, unsigned status, const char *code, const char *format, ...)
        _printf_(4, 5);
