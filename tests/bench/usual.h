/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* What usual.bpf.c tells user space of every packet. */

#include <linux/types.h>

struct usual_record {
    __u64 time_ns;
    __u8 src[16];
    __u8 dst[16];
    __u16 sport;
    __u16 dport;
    __u32 bytes;
    __u8 protocol;
    __u8 action;
    __u8 zero[6];
};
