/* SPDX-License-Identifier: MIT */
#pragma once

/* Does the other end of a socket take what it is sent? Told from what still lies in the kernel's
 * send queue (SIOCOUTQ, tcp(7)), so that it shows long before that queue is full.
 *
 * Being slow is a matter of share, not of bytes: a peer whose buffers are full still takes a little
 * now and then (window probes, compacted buffers), and so may one that wants to seem alive. */

#include <stdbool.h>
#include <stdint.h>

/* One that takes no more than 1/READER_SHARE of what waits is slow. */
#define READER_SHARE 8

typedef struct Reader {
    uint64_t given_bytes;  /* in the kernel's hands, not before; kept by the owner */
    int64_t taken_bytes;   /* of them, as of `since_ns` */
    int64_t waiting_bytes; /* at that time */
    uint64_t since_ns; /* when it last took its share, or nothing was waiting; 0: never looked */
} Reader;

/* For `limit_ns` less than its share was taken, though some is waiting. To be asked about once a
 * second. */
bool reader_is_slow(Reader *reader, int fd, uint64_t now_ns, uint64_t limit_ns);
