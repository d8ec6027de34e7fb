/* SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* What running any program costs, to subtract; and a front that makes each packet of a run another
 * flow before it hands it to the program under test. */

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} vary_target SEC(".maps");

__u32 vary_first = 0;
__u32 vary_next = 0;
__u32 vary_flows = 1;

enum { IPV4_SRC_LOW = 14 + 14, TCP_SPORT = 14 + 20 };

SEC("tc")
int empty(struct __sk_buff *skb)
{
    return TC_ACT_UNSPEC;
}

/* Untagged IPv4 without options: the source's low half and the source port count up. */
SEC("tc")
int vary(struct __sk_buff *skb)
{
    __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    __u32 flow = vary_next;

    if (data + TCP_SPORT + 2 > end)
        return TC_ACT_SHOT;
    vary_next = flow + 1 < vary_first + vary_flows ? flow + 1 : vary_first;
    *(__u16 *)(data + IPV4_SRC_LOW) = (__u16)(flow >> 10);
    *(__u16 *)(data + TCP_SPORT) = (__u16)(1024 + (flow & 1023));
    bpf_tail_call(skb, &vary_target, 0);
    return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
