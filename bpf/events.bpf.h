/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* The best-effort plane: single packets for the live view, while somebody watches, under a budget.
 * What is not shown is counted: over the budget as suppressed, with a full ring as lost. */

#include "account.bpf.h"

/* Takes one from the budget of the running slice. `used` is slice << 16 | taken; many CPUs race for
 * it. */
static __always_inline int ntc_budget_take(__u64 *used, __u32 per_slice, __u64 now_ns)
{
    __u64 slice = now_ns >> NTC_SLICE_SHIFT << 16;
    __u64 seen = *(volatile __u64 *)used;

    if (per_slice > 0xffff)
        per_slice = 0xffff;
    if (per_slice == 0)
        return 0;
    if ((seen & ~0xffffULL) != slice) {
        /* The first of a slice opens it; who loses the race takes from what the winner opened. */
        if (__sync_val_compare_and_swap(used, seen, slice | 1) == seen)
            return 1;
        seen = *(volatile __u64 *)used;
    }
    /* Looked at before taken, so that the count can't run over into the slice number. */
    if ((seen & 0xffff) >= per_slice)
        return 0;
    return (__sync_fetch_and_add(used, 1) & 0xffff) < per_slice;
}

NTC_SUBPROGRAM int ntc_emit(
        const struct ntc_packet *packet, const struct ntc_size *size, __u32 action, __u64 now_ns)
{
    struct ntc_counters *counters = ntc_counters_here();
    struct ntc_event *event;
    int granted;

    if (!counters || !packet || !size || action >= NTC_ACTIONS)
        return 0;
    granted = action == NTC_DROP
                      ? ntc_budget_take(
                                &ntc_control.drop_used, ntc_control.drop_budget_per_slice, now_ns)
                      : ntc_budget_take(&ntc_control.used, ntc_control.budget_per_slice, now_ns);
    if (!granted) {
        counters->events_suppressed[action] += size->packets;
        return 0;
    }
    event = bpf_ringbuf_reserve(&ntc_events, sizeof(*event), 0);
    if (!event) {
        counters->events_lost += size->packets;
        return 0;
    }
    event->time_ns = now_ns;
    ntc_get_addresses(packet, event->src, event->dst);
    event->sport = packet->key.sport;
    event->dport = packet->key.dport;
    event->ifindex = packet->key.ifindex;
    event->bytes = size->bytes;
    event->packets = size->packets;
    event->protocol = packet->key.protocol;
    event->direction = packet->key.direction;
    event->action = action;
    event->tcp_flags = packet->tcp_flags;
    event->zero = 0;
    counters->events_shown += size->packets;
    bpf_ringbuf_submit(event, 0);
    return 1;
}
