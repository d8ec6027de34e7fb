/* SPDX-License-Identifier: MIT */
#pragma once

/* The flow table's records and where they come from: chunks that are allocated when needed and
 * never more than `capacity` records in all, so that memory grows with use only. Private to
 * flow-table*.c. */

#include "flow/flow-table.h"
#include "flow/keyed-hash.h"

typedef struct FlowRecord {
    Flow flow; /* first; the hash key is flow.sample.key */
    uint64_t active_since_ns;
    uint32_t scan;                  /* the scan that met it last */
    struct FlowRecord *prev, *next; /* utlist, in the order of scans; `next` links free ones, too */
    UT_hash_handle hh;
} FlowRecord;

typedef struct FlowPool {
    FlowRecord **chunks; /* owned, grows */
    size_t n_chunks;
    size_t n_fresh; /* records of the last chunk never handed out */
    size_t used;
    size_t capacity;
    FlowRecord *free;
} FlowPool;

/* A zeroed record, or NULL: no memory, or `capacity` records are out. */
FlowRecord *flow_pool_get(FlowPool *pool);
void flow_pool_put(FlowPool *pool, FlowRecord *record);
void flow_pool_done(FlowPool *pool);
