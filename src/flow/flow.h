/* SPDX-License-Identifier: MIT */
#pragma once

/* What a flow is, and how the datapath reports one. */

#include "base/address.h"
#include "flow/packet.h"

/* The 5-tuple plus where it was seen. Comparable with memcmp: all padding is explicit and zero. */
typedef struct FlowKey {
    Address src;
    Address dst;
    uint16_t sport; /* host order; ICMP: 0 */
    uint16_t dport; /* host order; ICMP: 0 */
    uint32_t ifindex;
    uint8_t protocol;  /* IANA number */
    uint8_t direction; /* Direction */
    uint8_t zero[2];
} FlowKey;
_Static_assert(sizeof(FlowKey) == 44, "FlowKey has no hidden padding");

/* The datapath has room for as many flows of each. */
typedef enum FlowFamily {
    FLOW_IPV4,
    FLOW_IPV6, /* one address of it is enough */
    _FLOW_FAMILY_MAX,
} FlowFamily;

static inline FlowFamily flow_family(const FlowKey *key)
{
    return address_is_ipv4(&key->src) && address_is_ipv4(&key->dst) ? FLOW_IPV4 : FLOW_IPV6;
}

/* The running totals of one flow as the datapath holds them; they only ever grow until the flow is
 * ended. Times are of the monotonic clock. */
typedef struct FlowSample {
    FlowKey key;
    uint64_t packets;
    uint64_t bytes;
    uint64_t syn_packets; /* TCP with SYN set */
    uint64_t ack_packets; /* TCP with ACK set */
    uint64_t first_seen_ns;
    uint64_t last_seen_ns;
    uint8_t tcp_flags; /* all flags seen, ORed */
    uint8_t action;    /* Action of the last packet */
} FlowSample;

/* What was added to a flow since it was read last; what statistics are made of. */
typedef struct FlowDelta {
    const FlowKey *key;
    uint64_t packets;
    uint64_t bytes;
    uint64_t syn_packets;
    uint64_t ack_packets;
    uint8_t tcp_flags; /* all that the flow has shown so far */
    Action action;
} FlowDelta;
