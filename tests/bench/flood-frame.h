/* SPDX-License-Identifier: MIT */
#pragma once

/* The frame that a flood repeats: what differs from one to the next is set by flood.bpf.c. */

#include "flood.h"

#include <stddef.h>
#include <stdint.h>

enum { FLOOD_PAYLOAD_MAX = 1400, FLOOD_FRAME_MAX = FLOOD_IPV6_BYTES + FLOOD_PAYLOAD_MAX };

/* FLOOD_KINDS for "all", -1 for a name that is none. */
int flood_kind_of(const char *name);

/* Its size in bytes. The rest of `frame` is zero and stays so. */
uint32_t flood_frame(
        enum flood_kind kind, uint32_t payload_bytes, uint8_t frame[static FLOOD_FRAME_MAX]);
/* Of the words of its IPv4 header, while those that flood.bpf.c sets are zero. */
uint32_t flood_header_sum(const uint8_t frame[static FLOOD_FRAME_MAX]);
