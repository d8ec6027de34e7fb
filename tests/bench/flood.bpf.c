/* SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* Makes each live frame the next flow's packet and sends it through a veth. */

#include "flood.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

volatile const struct flood_plan plan = {.flows = 1, .sources = 1};
struct flood_sent sent[FLOOD_CPUS_MAX] = {};

enum { IPV4_CHECKSUM = 14 + 10, IPV4_SRC = 14 + 12, UDP_SPORT = 14 + 20 };

static __always_inline __u16 checksum(__u32 address)
{
    __u32 sum = plan.header_sum + (address >> 16) + (address & 0xffff);

    sum = (sum >> 16) + (sum & 0xffff);
    sum += sum >> 16;
    return (__u16)~sum;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    __u32 cpu = bpf_get_smp_processor_id(), flow, source, blacklisted, address;
    struct flood_sent *mine;

    if (data + FLOOD_FRAME_BYTES > end || cpu >= FLOOD_CPUS_MAX)
        return XDP_ABORTED;
    mine = &sent[cpu];
    flow = (__u32)(mine->next++ % plan.flows);
    source = flow % plan.sources;
    blacklisted = source % 100 < plan.blacklisted_percent;
    address = (blacklisted ? 0xc6120000 : 0x0a000000) + source;
    *(__be32 *)(data + IPV4_SRC) = bpf_htonl(address);
    *(__be16 *)(data + IPV4_CHECKSUM) = bpf_htons(checksum(address));
    *(__be16 *)(data + UDP_SPORT) = bpf_htons((__u16)(1024 + flow / plan.sources));
    mine->packets++;
    mine->blacklisted += blacklisted;
    return bpf_redirect(plan.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
