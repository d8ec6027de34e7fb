/* SPDX-License-Identifier: MIT */
#pragma once

/* The state file: both lists as JSON, format version 1. Knows the disk and the format; not who may
 * change what, nor the kernel.
 *
 *     {"format":"ntc-lists","version":1,"boot_id":"...","saved":"2026-...Z",
 *      "saved_boottime_ns":"...",
 *      "blacklist":[{"ip":"203.0.113.7","added":"...","by":"...","comment":"...","origin":"manual",
 *                    "expires":"...","expires_boottime_ns":"...","remaining_sec":3600,
 *                    "unconfirmed":true,"confirmed_ttl_sec":0}],
 *      "whitelist":[...]}
 *
 * (The last five only in entries that expire, the last two only in those that wait to be confirmed.
 * Nanoseconds are texts: JSON numbers lose digits.)
 * Within one boot the deadline on CLOCK_BOOTTIME counts. After a reboot it is `expires`, but never
 * more than `remaining_sec` from now on: a clock that starts in the past prolongs nothing.
 *
 * Version 0 has no header and plain addresses for entries; see store-document.c.
 *
 * Written so that a power cut leaves the old or the new file, never neither: temporary file in the
 * same folder, fsync, the two files change places, fsync of the folder, and only then the old one
 * goes (renameat2(2), fsync(2)). */

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
    STORE_DAMAGED, /* not ours or not readable as ours: kept under `aside`, lists empty */
    STORE_TOO_NEW, /* of a later version: left alone; the daemon must not start over it */
    _STORE_OUTCOME_MAX,
} StoreOutcome;

typedef struct StoreReport {
    StoreOutcome outcome;
    char aside[4096]; /* where the file as it was is kept, "" for nowhere. Its own name it has, too,
                         until the next save */
    char reason[256]; /* why it was refused */
    size_t expired;   /* entries whose time had run out meanwhile */
    size_t skipped;   /* single entries that could not be read; the rest was taken */
    bool migrated;    /* it was of an older version */
    bool other_boot;  /* what remains of the entries' time was counted in another boot: save again,
                         or the next boot starts from the same numbers */
    /* After a restart that adopted the kernel's lists: entries that only the file had (added to the
     * kernel), and that only the kernel had (removed from it). Filled by control. */
    size_t kernel_missing;
    size_t kernel_surplus;
    /* Or kept, because the file was damaged: in force, but without what only the file knew. */
    size_t kernel_recovered;
} StoreReport;

/* Adds the file's entries to the (empty) lists. A leftover temporary file is removed. 0 whatever
 * the outcome above; -errno only where the file could not be read or set aside at all (-EACCES,
 * -EIO, ...), and -ENOSPC where it holds more entries than the lists may (`reason` says which). */
int store_load(const char *path, List *const lists[static _LIST_MAX], const StoreClock *now,
        StoreReport *ret);

/* Writes. Blocks: runs on a worker. Creates missing parent folders (0755). Returns 0 when durable.
 * On failure the old file is what it was and no temporary file is left, as far as the disk allows.
 */
int store_save(const char *path, const ListSnapshot *snapshot, const StoreClock *now);
