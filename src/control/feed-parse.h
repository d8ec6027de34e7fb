/* SPDX-License-Identifier: MIT */
#pragma once

/* The text of a feed, line by line: an address or a prefix, and whatever a comment says about it.
 *
 *     # a comment, and so is
 *     ; this
 *     203.0.113.7
 *     198.51.100.0/24 ; SBL123456        (Spamhaus DROP)
 *     2001:db8::/32   # inline
 *     192.0.2.0<TAB>192.0.2.255<TAB>24<TAB>...        (DShield: first, last, length)
 *
 * Empty lines, CR LF, a byte order mark and DShield's heading are passed over. Pure: no allocation,
 * no disk. */

#include "control/list.h"

typedef struct FeedLine {
    uint32_t number;   /* from 1 */
    const char *error; /* a static sentence for the user; NULL: the rest is good */
    Prefix prefix;
    char comment[LIST_COMMENT_MAX]; /* one printable line; "" */
} FeedLine;

/* Called for each line that says something, good or bad. `line` is valid during the call. */
typedef void (*FeedLineFn)(const FeedLine *line, void *userdata);

/* Any bytes; they need not be terminated. */
void feed_parse(const char *text, size_t size, FeedLineFn fn, void *userdata);
