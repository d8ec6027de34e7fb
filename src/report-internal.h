/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the report*.c files and nobody else. report.c tells each event as it comes,
 * report-limited.c what may come without end, report-feeds.c what the feeds came to. */

#include "report.h"

#define REPORT_FIELD_MAX 320 /* "NTC_LIST=..." */

struct Report {
    Journal *journal;
    uint32_t slots;
    uint64_t *dropped; /* a bit a slot: its first drop was seen */
    uint64_t drops_since_ns;
    unsigned drops_told;
    uint64_t drops_held_back;
    uint64_t losses_told_ns;
    uint64_t told_untracked;
    uint64_t told_lost;
    uint64_t told_drift;
};

/* report-limited.c: the slot's entry is another one now; its first drop is notable again. */
void report_forget_drop(Report *report, uint32_t slot);
