/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* The exact plane. Order matters: the flow is found (or found to have no room) first, then the
 * per-CPU counters are raised, then the flow. So at any moment counters >= flows + untracked, by no
 * more than the packets in flight, and a scan between two readings of the counters must lie between
 * them. */

#include "flow-key.h"
#include "maps.bpf.h"
#include "parse.h"

#include <linux/errno.h>

struct ntc_size {
    __u32 packets;
    __u32 bytes;
};

/* A GSO/GRO super-packet counts as its segments, and each segment has headers of its own. */
NTC_SUBPROGRAM __u32 ntc_segments_of(struct __sk_buff *skb, __u32 header_bytes)
{
    __u32 segments = skb->gso_segs, gso_size = skb->gso_size;
    __u32 payload = skb->len > header_bytes ? skb->len - header_bytes : 0;

    if (segments || !gso_size)
        return segments;
    return (payload + gso_size - 1) / gso_size;
}

static __always_inline struct ntc_size ntc_size_of(struct __sk_buff *skb, __u32 header_bytes)
{
    struct ntc_size size = {.packets = 1, .bytes = skb->len};

    if (skb->vlan_present) {
        size.bytes += 4;
        header_bytes += 4;
    }
    if (skb->gso_size) {
        __u32 segments = ntc_segments_of(skb, header_bytes);

        if (segments > 1) {
            size.packets = segments;
            size.bytes += (segments - 1) * header_bytes;
        }
    }
    return size;
}

static __always_inline struct ntc_counters *ntc_counters_here(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&ntc_counters, &zero);
}

/* Coarse CLOCK_MONOTONIC. It moves with the tick, so it is asked once a tick and CPU: reading
 * jiffies is one load, the helper costs a quarter of a packet. At most one tick behind the helper.
 */
static __always_inline __u64 ntc_now_ns(struct ntc_counters *counters)
{
    __u64 jiffies = bpf_jiffies64();

    if (counters->clock_jiffies != jiffies) {
        counters->clock_ns = bpf_ktime_get_coarse_ns();
        counters->clock_jiffies = jiffies;
    }
    return counters->clock_ns;
}

static __always_inline void ntc_count(struct ntc_counters *counters, __u32 class, __u32 direction,
        __u32 action, const struct ntc_size *size)
{
    struct ntc_count *count;

    if (class >= NTC_PROTOS || direction >= NTC_DIRECTIONS || action >= NTC_ACTIONS)
        return;
    count = &counters->by[class][direction][action];
    count->packets += size->packets;
    count->bytes += size->bytes;
}

static __always_inline void ntc_count_hit(__u32 slot, const struct ntc_size *size)
{
    __u32 element = slot / NTC_HITS_SLOTS;
    struct ntc_hits *hits = slot ? bpf_map_lookup_elem(&ntc_hits, &element) : 0;

    if (hits) {
        hits->slots[slot % NTC_HITS_SLOTS].packets += size->packets;
        hits->slots[slot % NTC_HITS_SLOTS].bytes += size->bytes;
    }
}

static __always_inline int ntc_is_set(const __u32 *flag)
{
    return *(const volatile __u32 *)flag != 0;
}

static __always_inline int ntc_is_known(const void *key, __u32 key_bytes)
{
    const struct ntc_known *known = &ntc_known[*(volatile __u32 *)&ntc_control.known & 1];
    struct ntc_flow_bits bits = ntc_flow_bits(key, key_bytes);

    return (known->words[bits.word] & bits.mask) == bits.mask;
}

static __always_inline void ntc_make_known(const void *key, __u32 key_bytes)
{
    struct ntc_flow_bits bits = ntc_flow_bits(key, key_bytes);

    for (int i = 0; i < 2; i++)
        if ((ntc_known[i].words[bits.word] & bits.mask) != bits.mask)
            __sync_fetch_and_or(&ntc_known[i].words[bits.word], bits.mask);
}

/* True if the flow is there now. A full map is known from a flag, for a failed insert costs three
 * times as much as looking at it. */
static __always_inline int ntc_flow_insert(
        void *map, __u32 *full, const void *key, __u32 key_bytes, __u64 now_ns)
{
    struct ntc_flow fresh = {};
    long r;

    if (ntc_is_set(full))
        return 0;
    fresh.owner_cpu = bpf_get_smp_processor_id();
    fresh.first_seen_ns = now_ns;
    fresh.last_seen_ns = now_ns;
    r = bpf_map_update_elem(map, key, &fresh, BPF_NOEXIST);
    if (r == 0)
        ntc_make_known(key, key_bytes);
    else if (r == -E2BIG)
        *full = 1;
    return r == 0 || r == -EEXIST;
}

/* What is rare for each of the maps; functions that the verifier looks at once, see packet-bytes.h.
 * Before Linux 6.2 a map's key can't be in what a function was handed, only on its own stack. */

NTC_SUBPROGRAM int ntc_flow4_insert(const struct ntc_flow4_key *key, __u64 now_ns)
{
    struct ntc_flow4_key own;

    if (!key)
        return 0;
    own = *key;
    return ntc_flow_insert(&ntc_flows4, &ntc_control.flows4_full, &own, sizeof(own), now_ns);
}

NTC_SUBPROGRAM int ntc_flow6_insert(const struct ntc_flow_key *key, __u64 now_ns)
{
    struct ntc_flow_key own;

    if (!key)
        return 0;
    own = *key;
    return ntc_flow_insert(&ntc_flows6, &ntc_control.flows6_full, &own, sizeof(own), now_ns);
}

NTC_SUBPROGRAM int ntc_flow4_known(const struct ntc_flow4_key *key)
{
    return key && ntc_is_known(key, sizeof(*key));
}

NTC_SUBPROGRAM int ntc_flow6_known(const struct ntc_flow_key *key)
{
    return key && ntc_is_known(key, sizeof(*key));
}

static __always_inline struct ntc_flow *ntc_flow4_of(const struct ntc_flow4_key *key, __u64 now_ns)
{
    struct ntc_flow *flow;

    if (ntc_is_set(&ntc_control.flows4_full) && !ntc_flow4_known(key))
        return 0;
    flow = bpf_map_lookup_elem(&ntc_flows4, key);
    if (flow || !ntc_flow4_insert(key, now_ns))
        return flow;
    return bpf_map_lookup_elem(&ntc_flows4, key);
}

static __always_inline struct ntc_flow *ntc_flow6_of(const struct ntc_flow_key *key, __u64 now_ns)
{
    struct ntc_flow *flow;

    if (ntc_is_set(&ntc_control.flows6_full) && !ntc_flow6_known(key))
        return 0;
    flow = bpf_map_lookup_elem(&ntc_flows6, key);
    if (flow || !ntc_flow6_insert(key, now_ns))
        return flow;
    return bpf_map_lookup_elem(&ntc_flows6, key);
}

/* The packet's flow, made if there is none; NULL when there is no room. */
static __always_inline struct ntc_flow *ntc_flow_of(const struct ntc_packet *packet, __u64 now_ns)
{
    return packet->ipv4 ? ntc_flow4_of(&packet->key4, now_ns) : ntc_flow6_of(&packet->key, now_ns);
}

/* A hook runs with soft interrupts off, so that nothing comes between the owner's load and store.
 */
static __always_inline void ntc_flow_add_size(struct ntc_flow *flow, const struct ntc_size *size)
{
    if (flow->owner_cpu == bpf_get_smp_processor_id()) {
        flow->owner_packets += size->packets;
        flow->owner_bytes += size->bytes;
    } else {
        __sync_fetch_and_add(&flow->other_packets, size->packets);
        __sync_fetch_and_add(&flow->other_bytes, size->bytes);
    }
}

/* Only what changes is written: the line is shared by all CPUs that see the flow. */
static __always_inline void ntc_flow_add(struct ntc_flow *flow, const struct ntc_packet *packet,
        const struct ntc_size *size, __u8 action, __u64 now_ns)
{
    __u8 flags = packet->tcp_flags;

    ntc_flow_add_size(flow, size);
    /* Another CPU may be a tick ahead. */
    if (flow->last_seen_ns < now_ns)
        flow->last_seen_ns = now_ns;
    if (flow->action != action)
        flow->action = action;
    if (packet->key.protocol != NTC_IPPROTO_TCP)
        return;
    if (flags & NTC_TCP_SYN)
        __sync_fetch_and_add(&flow->syn_packets, size->packets);
    if (!(flags & NTC_TCP_ACK))
        __sync_fetch_and_add(&flow->noack_packets, size->packets);
    if ((flow->tcp_flags & flags) != flags)
        flow->tcp_flags |= flags;
}
