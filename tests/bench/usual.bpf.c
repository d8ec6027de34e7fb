/* SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* The usual design, to compare with: parse, look source and destination up in two hash maps, send
 * one ring-buffer record per packet and let user space do the sums. It does less than ntc (no
 * prefixes, no extension headers, no counters), as such programs do. */

#include "usual.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct list {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, __u8[16]);
    __type(value, __u32);
};
struct list usual_black SEC(".maps");
struct list usual_white SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} usual_events SEC(".maps");

__u64 usual_lost = 0;

struct found {
    __u8 src[16] __attribute__((aligned(8)));
    __u8 dst[16];
    __u16 sport;
    __u16 dport;
    __u8 protocol;
};

static __always_inline void map_ipv4(__u8 to[16], __be32 from)
{
    __u32 *words = (__u32 *)to;

    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = from;
}

static __always_inline int parse(const struct __sk_buff *skb, struct found *found)
{
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    __u16 type;
    void *at = data + sizeof(struct ethhdr);
    __u16 *ports;

    if (at > end)
        return 0;
    type = ((struct ethhdr *)data)->h_proto;
    if (type == bpf_htons(ETH_P_8021Q)) {
        if (at + 4 > end)
            return 0;
        type = *(__u16 *)(at + 2);
        at += 4;
    }
    if (type == bpf_htons(ETH_P_IP)) {
        struct iphdr *ip = at;

        if ((void *)(ip + 1) > end)
            return 0;
        map_ipv4(found->src, ip->saddr);
        map_ipv4(found->dst, ip->daddr);
        found->protocol = ip->protocol;
        at += ip->ihl * 4;
    } else if (type == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr *ip = at;

        if ((void *)(ip + 1) > end)
            return 0;
        __builtin_memcpy(found->src, &ip->saddr, 16);
        __builtin_memcpy(found->dst, &ip->daddr, 16);
        found->protocol = ip->nexthdr;
        at += sizeof(*ip);
    } else {
        return 0;
    }
    ports = at;
    if ((found->protocol == IPPROTO_TCP || found->protocol == IPPROTO_UDP) &&
            (void *)(ports + 2) <= end) {
        found->sport = bpf_ntohs(ports[0]);
        found->dport = bpf_ntohs(ports[1]);
    }
    return 1;
}

static __always_inline int is_listed(void *list, const struct found *found)
{
    return bpf_map_lookup_elem(list, found->src) || bpf_map_lookup_elem(list, found->dst);
}

static __always_inline int verdict(const struct found *found)
{
    return !is_listed(&usual_white, found) && is_listed(&usual_black, found);
}

SEC("tc")
int usual(struct __sk_buff *skb)
{
    struct found found = {};
    struct usual_record *record;
    int drop;

    if (!parse(skb, &found))
        return TC_ACT_UNSPEC;
    drop = verdict(&found);
    record = bpf_ringbuf_reserve(&usual_events, sizeof(*record), 0);
    if (record) {
        record->time_ns = bpf_ktime_get_ns();
        __builtin_memcpy(record->src, found.src, 16);
        __builtin_memcpy(record->dst, found.dst, 16);
        record->sport = found.sport;
        record->dport = found.dport;
        record->bytes = skb->len;
        record->protocol = found.protocol;
        record->action = drop;
        __builtin_memset(record->zero, 0, sizeof(record->zero));
        bpf_ringbuf_submit(record, 0);
    } else {
        __sync_fetch_and_add(&usual_lost, 1);
    }
    return drop ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
