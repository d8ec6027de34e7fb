/* SPDX-License-Identifier: MIT */
#pragma once

/* Does the other end of a socket take what it is sent? Told from what still lies in the kernel's
 * send queue (SIOCOUTQ, tcp(7)), so that it shows long before that queue is full. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Reader {
    uint64_t given_bytes; /* written so far; kept by the owner */
    int64_t taken_bytes;  /* the most that was seen */
    uint64_t moved_ns;    /* when it last grew, or nothing was waiting; 0: never looked */
} Reader;

/* Not a byte moved for `limit_ns`, though some are waiting. To be asked about once a second. */
bool reader_is_stuck(Reader *reader, int fd, uint64_t now_ns, uint64_t limit_ns);
