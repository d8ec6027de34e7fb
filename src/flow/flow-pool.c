/* SPDX-License-Identifier: MIT */
#include "flow/flow-pool.h"

#define CHUNK_RECORDS 256U

static int add_chunk(FlowPool *pool)
{
    FlowRecord **chunks = reallocarray(pool->chunks, pool->n_chunks + 1, sizeof(FlowRecord *));

    if (!chunks)
        return -ENOMEM;
    pool->chunks = chunks;
    chunks[pool->n_chunks] = malloc(CHUNK_RECORDS * sizeof(FlowRecord));
    if (!chunks[pool->n_chunks])
        return -ENOMEM;
    pool->n_chunks++;
    pool->n_fresh = CHUNK_RECORDS;
    return 0;
}

FlowRecord *flow_pool_get(FlowPool *pool)
{
    FlowRecord *record = pool->free;

    if (pool->used >= pool->capacity)
        return NULL;
    if (record) {
        pool->free = record->next;
    } else {
        if (pool->n_fresh == 0 && add_chunk(pool) < 0)
            return NULL;
        record = &pool->chunks[pool->n_chunks - 1][CHUNK_RECORDS - pool->n_fresh--];
    }
    pool->used++;
    memset(record, 0, sizeof(*record));
    return record;
}

void flow_pool_put(FlowPool *pool, FlowRecord *record)
{
    record->next = pool->free;
    pool->free = record;
    pool->used--;
}

void flow_pool_done(FlowPool *pool)
{
    for (size_t i = 0; i < pool->n_chunks; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    *pool = (FlowPool){};
}
