/* SPDX-License-Identifier: MIT */
#pragma once

/* The order in which a scan tells the flows. The datapath walks its maps the same way every time,
 * so that a sample's record is nearly always the one behind the last sample's, and nothing has to
 * be looked up. Only a shortcut: records may come in any order. Private to flow-table.c. */

#include "flow/flow-pool.h"

typedef struct FlowOrder {
    FlowRecord *first;  /* utlist */
    FlowRecord *latest; /* of the running scan; NULL before its first */
} FlowOrder;

static inline void flow_order_begin(FlowOrder *order)
{
    order->latest = NULL;
}

/* What comes next if it is as it was; NULL: nothing did. */
static inline FlowRecord *flow_order_expected(const FlowOrder *order)
{
    return order->latest ? order->latest->next : order->first;
}

static inline void flow_order_reach(FlowOrder *order, FlowRecord *record)
{
    order->latest = record;
}

/* A new record, or one that came out of turn, comes behind the latest. */
void flow_order_insert(FlowOrder *order, FlowRecord *record);
void flow_order_move(FlowOrder *order, FlowRecord *record);
void flow_order_remove(FlowOrder *order, FlowRecord *record);
