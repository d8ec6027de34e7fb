/* SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* The packet path, in one sentence: parse, SSH rule, one flow lookup, verdict from the flow's cache
 * (or from the lists if the flow is new or the lists changed), counters, flow, event if somebody
 * watches.
 *
 * On PASS, SKIP and SSH the next program on the hook runs (TCX_NEXT, which is TC_ACT_UNSPEC). */

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

static inline __attribute__((always_inline)) long ntc_load_bytes(
        void *ctx, __u32 offset, void *to, __u32 size)
{
    return bpf_skb_load_bytes(ctx, offset, to, size);
}

#include "account.bpf.h"
#include "events.bpf.h"
#include "parse-common.h"
#include "policy.bpf.h"

static __always_inline int ntc_verdict(__u32 action)
{
    return action == NTC_DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* The cached judgement if it is of the present lists, else a new one. That is stored only in the
 * place of what was seen: user space may end the flow meanwhile, and the kernel give its memory to
 * another one, which must not get this one's judgement. */
static __always_inline ntc_judgement ntc_judgement_of(
        struct ntc_flow *flow, const struct ntc_packet *packet)
{
    ntc_judgement seen = *(volatile ntc_judgement *)&flow->judgement, judgement;

    if (NTC_JUDGEMENT_GENERATION(seen) == *(volatile __u32 *)&ntc_control.generation)
        return seen;
    judgement = ntc_judge(packet);
    __sync_val_compare_and_swap(&flow->judgement, seen, judgement);
    return judgement;
}

static __always_inline int ntc_handle_ip(struct __sk_buff *skb, struct ntc_packet *packet,
        __u32 direction, struct ntc_counters *counters)
{
    struct ntc_size size = ntc_size_of(skb, packet->header_bytes);
    __u64 now_ns = ntc_now_ns(counters);
    struct ntc_flow *flow;
    __u32 action, slot = 0;
    int ssh;

    ssh = packet->fragment ? ntc_fragment_ssh(packet, counters, size.packets) : ntc_is_ssh(packet);

    flow = ntc_flow_of(packet, now_ns);
    if (ssh) {
        action = NTC_SSH;
    } else {
        ntc_judgement judgement = flow ? ntc_judgement_of(flow, packet) : ntc_judge(packet);

        action = NTC_JUDGEMENT_ACTION(judgement);
        slot = NTC_JUDGEMENT_SLOT(judgement);
    }

    ntc_count(counters, ntc_class_of(packet->key.protocol), direction, action, &size);
    if (packet->transport_failed)
        counters->transport_unreadable += size.packets;
    if (flow)
        ntc_flow_add(flow, packet, &size, action, now_ns);
    else
        counters->untracked += size.packets;
    if (slot)
        ntc_count_hit(slot, &size);
    if (ntc_control.events_enabled)
        ntc_emit(packet, &size, action, now_ns);
    return ntc_verdict(action);
}

static __always_inline struct ntc_cursor ntc_cursor_of(struct __sk_buff *skb)
{
    return (struct ntc_cursor){
            .data = (void *)(long)skb->data,
            .data_end = (void *)(long)skb->data_end,
            .ctx = skb,
    };
}

/* Whatever there is no short way for: enum ntc_parsed. */
NTC_SUBPROGRAM int ntc_parse(struct __sk_buff *skb, struct ntc_packet *packet, int raw_ip)
{
    struct ntc_cursor cursor = ntc_cursor_of(skb);

    if (!packet)
        return NTC_PARSED_UNREADABLE;
    return raw_ip ? ntc_parse_raw_ip(&cursor, packet) : ntc_parse_ethernet(&cursor, packet);
}

/* What has no addresses to judge passes. What hides them behind tags doesn't: Linux takes off as
 * many priority tags (VLAN 0) as there are. */
NTC_SUBPROGRAM int ntc_handle_other(
        struct __sk_buff *skb, const struct ntc_packet *packet, int parsed)
{
    struct ntc_counters *counters = ntc_counters_here();
    struct ntc_size size;

    if (!counters || !packet)
        return TC_ACT_UNSPEC;
    size = ntc_size_of(skb, packet->header_bytes);
    if (parsed == NTC_PARSED_BURIED) {
        ntc_count(counters, NTC_PROTO_NONIP, packet->key.direction, NTC_DROP, &size);
        return TC_ACT_SHOT;
    }
    if (parsed == NTC_PARSED_NONIP) {
        ntc_count(counters, NTC_PROTO_NONIP, packet->key.direction, NTC_PASS, &size);
    } else {
        ntc_count(counters, NTC_PROTO_OTHER, packet->key.direction, NTC_PASS, &size);
        counters->unreadable += size.packets;
    }
    return TC_ACT_UNSPEC;
}

static __always_inline int ntc_handle(struct __sk_buff *skb, __u32 direction, int raw_ip)
{
    struct ntc_cursor cursor = ntc_cursor_of(skb);
    struct ntc_counters *counters = ntc_counters_here();
    struct ntc_packet packet = {};

    if (!counters)
        return TC_ACT_UNSPEC;
    packet.key.ifindex = skb->ifindex;
    packet.key.direction = direction;
    if (raw_ip || !ntc_parse_common(&cursor, &packet)) {
        int parsed = ntc_parse(skb, &packet, raw_ip);

        if (parsed != NTC_PARSED_IP)
            return ntc_handle_other(skb, &packet, parsed);
    }
    return ntc_handle_ip(skb, &packet, direction, counters);
}

SEC("tc")
int ntc_ingress(struct __sk_buff *skb)
{
    return ntc_handle(skb, NTC_INGRESS, 0);
}

SEC("tc")
int ntc_egress(struct __sk_buff *skb)
{
    return ntc_handle(skb, NTC_EGRESS, 0);
}

SEC("tc")
int ntc_ingress_ip(struct __sk_buff *skb)
{
    return ntc_handle(skb, NTC_INGRESS, 1);
}

SEC("tc")
int ntc_egress_ip(struct __sk_buff *skb)
{
    return ntc_handle(skb, NTC_EGRESS, 1);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
