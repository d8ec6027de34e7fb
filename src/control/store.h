/* SPDX-License-Identifier: MIT */
#pragma once

/* The state file: both lists as JSON, format version 1. Knows the disk and the format; not who may
 * change what, nor the kernel.
 *
 *     {"format":"ntc-lists","version":1,"boot_id":"...","saved":"2026-...Z","saved_boottime_ns":"...",
 *      "blacklist":[{"ip":"203.0.113.7","added":"...","by":"...","comment":"...","origin":"manual",
 *                    "expires":"...","remaining_sec":3600}], "whitelist":[...]}
 *
 * Written so that a power cut leaves the old or the new file, never neither: temporary file in the
 * same folder, fsync, rename, fsync of the folder (rename(2), fsync(2)). */

#include "control/list.h"

typedef struct StoreClock {
    uint64_t boottime_ns;
    uint64_t wall_ns;
    const char *boot_id;
} StoreClock;

/* What a load found. */
typedef enum StoreOutcome {
    STORE_LOADED,
    STORE_ABSENT,  /* no file: a first start, lists empty */
    STORE_DAMAGED, /* not ours or not readable as ours: set aside under *ret_aside, lists empty */
    STORE_TOO_NEW, /* of a later version: left alone; the daemon must not start over it */
    _STORE_OUTCOME_MAX,
} StoreOutcome;

typedef struct StoreReport {
    StoreOutcome outcome;
    char aside[4096]; /* where a damaged file was moved to */
    char reason[256]; /* why it was refused */
    size_t expired;   /* entries whose time had run out meanwhile */
    size_t skipped;   /* single entries that could not be read; the rest was taken */
} StoreReport;

/* Adds the file's entries to the (empty) lists. A leftover temporary file is removed. 0 whatever
 * the outcome above; -errno only where the file could not be read or set aside at all (-EACCES,
 * -EIO, ...). */
int store_load(const char *path, List *const lists[static _LIST_MAX], const StoreClock *now,
        StoreReport *ret);

/* Writes. Blocks: runs on a worker. Creates missing parent folders (0755). Returns 0 when durable.
 * On failure the old file is what it was and no temporary file is left (as far as the disk allows).
 */
int store_save(const char *path, const ListSnapshot *snapshot, const StoreClock *now);
