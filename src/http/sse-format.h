/* SPDX-License-Identifier: MIT */
#pragma once

/* Messages of the live view as server-sent events; each is appended to `text`. */

#include "http/server.h"

#include "base/text.h"

void sse_format_packet(TextBuffer *text, uint64_t seq, const PacketEvent *packet, uint64_t wall_ns,
        const Stats *stats);
void sse_format_gap(TextBuffer *text, uint64_t packets); /* 0: nobody knows how many */
void sse_format_alert(TextBuffer *text, const Alert *alert);
