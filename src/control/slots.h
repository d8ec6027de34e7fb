/* SPDX-License-Identifier: MIT */
#pragma once

/* The datapath's numbers for list entries. A slot that is given back may still stand in the cached
 * verdict of a flow, so it is quarantined first and handed out again only after the datapath's
 * recycle_slots() made sure of the opposite. */

#include "datapath/datapath.h"

typedef struct SlotPool {
    Datapath *datapath; /* borrowed */
    uint8_t *states;    /* of each slot */
    uint32_t *free;     /* a stack */
    uint32_t *quarantine;
    size_t n_free;
    size_t n_quarantine;
    size_t n_slots; /* valid ones are 1 .. n_slots-1 */
} SlotPool;

int slot_pool_init(SlotPool *pool, Datapath *datapath);
void slot_pool_done(SlotPool *pool);

/* Marks a slot as used that the datapath holds from before. -EINVAL if it is out of range, or
 * claimed already. Only before the first take; slot_pool_settle() ends the claiming: what nobody
 * claimed is free, or in quarantine where slots may have been in use before. */
int slot_pool_claim(SlotPool *pool, uint32_t slot);
void slot_pool_settle(SlotPool *pool);

/* -ENOSPC when all are in use; other -errno when the datapath can't recycle. */
int slot_pool_take(SlotPool *pool, uint32_t *ret);
/* A slot that was never handed out: nothing has to be waited for. */
void slot_pool_return(SlotPool *pool, uint32_t slot);
/* A slot the datapath has seen. Releasing it twice is harmless. */
void slot_pool_release(SlotPool *pool, uint32_t slot);
