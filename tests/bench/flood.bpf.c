/* SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* Makes each live frame the next flow's packet and sends it through a veth. */

#include "flood.h"

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

volatile const struct flood_plan plan = {.flows = 1, .sources = 1};
struct flood_sent sent[FLOOD_CPUS_MAX] = {};

enum {
    IPV4_ID = 14 + 4,
    IPV4_FRAGMENT = 14 + 6,
    IPV4_CHECKSUM = 14 + 10,
    IPV4_SRC = 14 + 12,
    IPV4_SPORT = 14 + 20,
    IPV6_SRC = 14 + 8,
    IPV6_SPORT = 14 + 40,
    MORE_FRAGMENTS = 0x2000,
    SECOND_FRAGMENT = 100, /* in units of 8 bytes */
};

static __always_inline __u16 folded(__u32 sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    sum += sum >> 16;
    return (__u16)~sum;
}

/* In 198.18.0.0/15 or 10.0.0.0/8. */
static __always_inline __u32 ipv4_source(__u32 source, bool blacklisted)
{
    return blacklisted ? 0xc6120000 | (source & 0x1ffff) : 0x0a000000 | (source & 0xffffff);
}

static __always_inline void make_ipv4(
        __u8 *data, __u32 sum, __u32 address, __u16 sport, __u16 id, __u16 piece)
{
    sum += (address >> 16) + (address & 0xffff) + id + piece;
    *(__be16 *)(data + IPV4_ID) = bpf_htons(id);
    *(__be16 *)(data + IPV4_FRAGMENT) = bpf_htons(piece);
    *(__be32 *)(data + IPV4_SRC) = bpf_htonl(address);
    *(__be16 *)(data + IPV4_CHECKSUM) = bpf_htons(folded(sum));
    *(__be16 *)(data + IPV4_SPORT) = bpf_htons(sport);
}

/* 2001:db8:1::/48 or 2001:db8:bad::/48; in front of it and behind it the frame is right already. */
static __always_inline void make_ipv6(__u8 *data, __u32 source, bool blacklisted, __u16 sport)
{
    *(__be16 *)(data + IPV6_SRC + 4) = bpf_htons(blacklisted ? 0xbad : 1);
    *(__be32 *)(data + IPV6_SRC + 12) = bpf_htonl(source);
    *(__be16 *)(data + IPV6_SPORT) = bpf_htons(sport);
}

/* A frame comes here again after it was sent, as it was. False: it is too short. */
static __always_inline bool make(__u8 *data, __u8 *end, __u32 kind, __u32 number, __u32 source,
        bool blacklisted, __u16 sport)
{
    __u16 id = 0, piece = 0;

    if (plan.kind == FLOOD_KINDS) {
        if (data + FLOOD_IPV6_BYTES > end)
            return false;
        __builtin_memcpy(data, (const void *)plan.head[kind], FLOOD_IPV6_BYTES);
    }
    if (kind == FLOOD_SYN6) {
        if (data + FLOOD_IPV6_BYTES > end)
            return false;
        make_ipv6(data, source, blacklisted, sport);
        return true;
    }
    if (kind == FLOOD_FRAGMENT) {
        id = (__u16)(number / 2);
        piece = number % 2 ? SECOND_FRAGMENT : MORE_FRAGMENTS;
    }
    make_ipv4(data, plan.header_sum[kind], ipv4_source(source, blacklisted), sport, id, piece);
    return true;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    __u32 cpu = bpf_get_smp_processor_id(), kind = plan.kind, number, flow, source;
    struct flood_sent *mine;
    bool blacklisted;

    if (data + FLOOD_IPV4_BYTES > end || cpu >= FLOOD_CPUS_MAX)
        return XDP_ABORTED;
    mine = &sent[cpu];
    number = (__u32)mine->next++;
    if (kind == FLOOD_KINDS) {
        kind = number % FLOOD_KINDS;
        number /= FLOOD_KINDS;
    }
    if (kind >= FLOOD_KINDS)
        return XDP_ABORTED;
    flow = kind == FLOOD_FRAGMENT ? number / 2 : number;
    if (plan.steered)
        flow = flow * plan.steered + cpu;
    flow %= plan.flows;
    source = flow % plan.sources;
    blacklisted = source % 100 < plan.blacklisted_percent;
    if (!make(data, end, kind, number, source, blacklisted, (__u16)(1024 + flow / plan.sources)))
        return XDP_ABORTED;
    mine->packets++;
    mine->blacklisted += blacklisted;
    return bpf_redirect(plan.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
