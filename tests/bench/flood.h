/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* What flood.c tells flood.bpf.c, and hears of it. */

#include <linux/types.h>

enum {
    FLOOD_CPUS_MAX = 64,
    FLOOD_IPV4_BYTES = 14 + 20 + 8,  /* Ethernet, IPv4, UDP or the beginning of TCP */
    FLOOD_IPV6_BYTES = 14 + 40 + 20, /* Ethernet, IPv6, TCP: the longest */
};

enum flood_kind {
    FLOOD_UDP,
    FLOOD_SYN,
    FLOOD_SYN6,
    FLOOD_FRAGMENT, /* of UDP: first ones and later ones in turns */
    FLOOD_KINDS,
};

struct flood_plan {
    __u32 kind;    /* FLOOD_KINDS: all of them in turns, in frames of one size */
    __u32 ifindex; /* frames arrive at its peer */
    __u32 flows;   /* in turn */
    __u32 sources; /* spread over so many addresses */
    __u32 steered; /* by so many CPUs, each of which has flows of its own; 0: each sends all */
    /* Of each kind: its beginning, and the sum of the IPv4 header's words but those that are set
     * for each frame. */
    __u8 head[FLOOD_KINDS][FLOOD_IPV6_BYTES];
    __u32 header_sum[FLOOD_KINDS];
    /* of the sources are in 198.18.0.0/15 or 2001:db8:bad::/48, the others in 10.0.0.0/8 or
     * 2001:db8:1::/48 */
    __u32 blacklisted_percent;
};

/* A line of its own for each CPU. */
struct flood_sent {
    __u64 next;
    __u64 packets;
    __u64 blacklisted;
    __u64 zero[5];
};
