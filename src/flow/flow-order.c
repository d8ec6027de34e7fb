/* SPDX-License-Identifier: MIT */
#include "flow/flow-order.h"

#include <utlist.h>

void flow_order_insert(FlowOrder *order, FlowRecord *record)
{
    DL_APPEND_ELEM(order->first, order->latest, record);
}

void flow_order_remove(FlowOrder *order, FlowRecord *record)
{
    /* The first one's `prev` is the last. */
    if (order->latest == record)
        order->latest = record == order->first ? NULL : record->prev;
    DL_DELETE(order->first, record);
}

void flow_order_move(FlowOrder *order, FlowRecord *record)
{
    flow_order_remove(order, record);
    flow_order_insert(order, record);
}
