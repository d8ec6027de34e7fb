/* SPDX-License-Identifier: MIT */
#pragma once

/* The orders in which flows are shown: the most first. */

#include "base/top.h"
#include "flow/flow-table.h"

typedef enum FlowRank {
    FLOW_BY_PACKETS,
    FLOW_BY_BYTES,
    FLOW_BY_RATE,
    FLOW_BY_LAST_SEEN,
} FlowRank;

/* Offers it `const Flow *`, which `items` has room for. Flows that are equal come by their keys, so
 * that equal tables give equal answers. `rank` must live as long as `top` is used. */
Top flow_top(const Flow **items, size_t max, FlowRank *rank);
