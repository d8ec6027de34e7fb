/* SPDX-License-Identifier: MIT */
#pragma once

/* What the two halves of the store share. */

#include "base/json.h"
#include "control/store.h"

#define STORE_FORMAT  "ntc-lists"
#define STORE_VERSION 1

char *store_temporary_path(const char *path); /* owned by the caller; NULL: out of memory */
int store_sync_folder(const char *path);      /* makes a rename in the folder of `path` durable */

/* store-migrate.c: no header, but lists. */
bool store_is_version_0(json_object *root);
/* Lifts a document of an older version to the present one. 0; -ENOMEM. */
int store_migrate(json_object *root, uint64_t version);

/* The state file's own words about when it was written. */
typedef struct StoreOrigin {
    bool same_boot;
    uint64_t saved_boottime_ns;
} StoreOrigin;

/* Reads one entry of the file. 1 and *ret; 0 when its time has run out; -EINVAL when it can't be
 * read; -ENOMEM. */
int store_read_entry(
        json_object *object, const StoreOrigin *origin, const StoreClock *now, ListEntry **ret);
