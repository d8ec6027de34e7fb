/* SPDX-License-Identifier: MIT */
#pragma once

/* Flows, and scans that tell them. */

#include "flow/flow-table.h"

#define SEC 1000000000ULL

extern const FlowTimeouts
        timeouts; /* TCP 120 s, others 30 s; closed 5 s; reported every half hour */

/* From port `sport` to 80, of 100 bytes a packet, since second one. */
FlowSample sample(uint16_t sport, uint8_t protocol, uint64_t packets, uint64_t seen_ns);
void scan(FlowTable *table, const FlowSample *samples, size_t n, uint64_t now_ns);
