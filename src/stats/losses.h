/* SPDX-License-Identifier: MIT */
#pragma once

/* The losses that matter most, by name: one table for everything that shows a status, so that none
 * leaves out what another tells.
 *
 * In: statistics, and what was lost elsewhere. Out: values to be shown. Owns nothing. */

#include "stats/stats.h"

#define LOSSES_MAX 8U

typedef struct Loss {
    const char *name; /* static; a contract with those who read it */
    uint64_t value;
} Loss;

/* What statistics don't know. */
typedef struct LossesElsewhere {
    uint64_t journal_entries;
    uint64_t storage_failures;
} LossesElsewhere;

/* Returns how many there are, whatever their values. */
size_t losses_collect(
        const Stats *stats, const LossesElsewhere *elsewhere, Loss losses[static LOSSES_MAX]);
