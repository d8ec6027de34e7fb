/* SPDX-License-Identifier: MIT */
#pragma once

/* Which flows go when room is needed: the `wanted` least valuable ones out of any number, kept in a
 * heap while the table is walked once. Private to flow-table.c. */

#include "flow/flow-table.h"

typedef struct Victim {
    const Flow *flow;
    uint64_t last_seen_ns;
    int worth; /* 0 goes first */
} Victim;

typedef struct Victims {
    Victim *heap; /* owned; the most valuable of the chosen on top */
    size_t count;
    size_t wanted;
} Victims;

/* -ENOMEM. */
int victims_init(Victims *victims, size_t wanted);
void victims_offer(Victims *victims, const Flow *flow);
/* Puts them in the order in which they go. */
void victims_sort(Victims *victims);
void victims_done(Victims *victims);

FlowEnd flow_over(const Flow *flow, const FlowTimeouts *timeouts, uint64_t now_ns);
