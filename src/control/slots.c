/* SPDX-License-Identifier: MIT */
#include "control/slots.h"

#include <stdlib.h>
#include <string.h>

/* One system call a slot: a bound on how long the loop stands still. */
#define RECYCLE_MAX 4096

enum { SLOT_FREE, SLOT_USED, SLOT_QUARANTINED };

int slot_pool_init(SlotPool *pool, Datapath *datapath)
{
    size_t n = datapath->ops->slots(datapath);

    *pool = (SlotPool){.datapath = datapath, .n_slots = n};
    if (n < 2)
        return -EINVAL;
    pool->states = calloc(n, sizeof(*pool->states));
    pool->free = calloc(n, sizeof(*pool->free));
    pool->quarantine = calloc(n, sizeof(*pool->quarantine));
    if (!pool->states || !pool->free || !pool->quarantine)
        return -ENOMEM;
    for (size_t slot = n - 1; slot >= 1; slot--)
        pool->free[pool->n_free++] = (uint32_t)slot;
    return 0;
}

void slot_pool_done(SlotPool *pool)
{
    free(pool->states);
    free(pool->free);
    free(pool->quarantine);
    *pool = (SlotPool){};
}

/* The oldest ones first: their flows have most likely been judged anew by themselves. */
static int recycle(SlotPool *pool)
{
    size_t n = MIN_OF(pool->n_quarantine, (size_t)RECYCLE_MAX);
    int r;

    if (n == 0)
        return -ENOSPC;
    r = pool->datapath->ops->recycle_slots(pool->datapath, pool->quarantine, n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        slot_pool_return(pool, pool->quarantine[i]);
    pool->n_quarantine -= n;
    memmove(pool->quarantine, pool->quarantine + n, pool->n_quarantine * sizeof(*pool->quarantine));
    return 0;
}

int slot_pool_claim(SlotPool *pool, uint32_t slot)
{
    if (slot == SLOT_NONE || slot >= pool->n_slots || pool->states[slot] != SLOT_FREE)
        return -EINVAL;
    pool->states[slot] = SLOT_USED;
    return 0;
}

static void quarantine(SlotPool *pool, uint32_t slot)
{
    pool->states[slot] = SLOT_QUARANTINED;
    pool->quarantine[pool->n_quarantine++] = slot;
}

void slot_pool_settle(SlotPool *pool)
{
    bool used = datapath_slots_used(pool->datapath);
    size_t n = 0;

    for (size_t i = 0; i < pool->n_free; i++)
        if (pool->states[pool->free[i]] == SLOT_FREE && used)
            quarantine(pool, pool->free[i]);
        else if (pool->states[pool->free[i]] == SLOT_FREE)
            pool->free[n++] = pool->free[i];
    pool->n_free = n;
}

int slot_pool_take(SlotPool *pool, uint32_t *ret)
{
    int r = pool->n_free > 0 ? 0 : recycle(pool);

    if (r < 0)
        return r;
    *ret = pool->free[--pool->n_free];
    pool->states[*ret] = SLOT_USED;
    return 0;
}

void slot_pool_return(SlotPool *pool, uint32_t slot)
{
    pool->states[slot] = SLOT_FREE;
    pool->free[pool->n_free++] = slot;
}

void slot_pool_release(SlotPool *pool, uint32_t slot)
{
    if (slot == SLOT_NONE || slot >= pool->n_slots || pool->states[slot] != SLOT_USED)
        return;
    quarantine(pool, slot);
}
