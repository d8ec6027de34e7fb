/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* What flood.c tells flood.bpf.c, and hears of it. */

#include <linux/types.h>

enum {
    FLOOD_CPUS_MAX = 64,
    FLOOD_FRAME_BYTES = 14 + 20 + 8, /* Ethernet, IPv4, UDP; payload follows */
};

struct flood_plan {
    __u32 ifindex;             /* frames arrive at its peer */
    __u32 flows;               /* in turn */
    __u32 sources;             /* spread over so many addresses */
    __u32 header_sum;          /* of the IPv4 header's words but the source's and the checksum */
    __u32 blacklisted_percent; /* of the flows come from 198.18.0.0/15, the others from 10.0.0.0/8
                                */
};

/* A line of its own for each CPU. */
struct flood_sent {
    __u64 next;
    __u64 packets;
    __u64 blacklisted;
    __u64 zero[5];
};
