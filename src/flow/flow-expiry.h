/* SPDX-License-Identifier: MIT */
#pragma once

/* Which flows are to end: those that are over, and if they leave too little room the least valuable
 * others. Private to flow-table.c. */

#include "flow/flow-table.h"

/* As flow_table_collect_ended(). Without memory only those that are over. */
size_t collect_ending(const FlowTable *table, const FlowTimeouts *timeouts, uint64_t now_ns,
        const size_t room_wanted[static _FLOW_FAMILY_MAX], EndingFlow *ending, size_t max);
