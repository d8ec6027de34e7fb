/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of the store share. */

#include "base/json-reader.h"
#include "control/store.h"

#define STORE_FORMAT  "ntc-lists"
#define STORE_VERSION 1

char *store_temporary_path(const char *path); /* owned by the caller; NULL: out of memory */
int store_sync_folder(const char *path);      /* makes a rename in the folder of `path` durable */

/* store-aside.c: keeps the file as it is under another name, `aside` in the report; -errno with the
 * reason there. */
int store_keep_aside(const char *path, StoreReport *report);

/* store-document.c: what the file says about itself, and where in it the lists are. */
typedef struct StoreDocument {
    uint64_t version;
    const char *boot_id;           /* "" if it doesn't say */
    const char *saved_boottime_ns; /* the same */
    const char *saved;             /* the same */
    bool has_list[_LIST_MAX];
    JsonReader lists[_LIST_MAX]; /* each at its array */
} StoreDocument;

/* `text` has passed json_check(). 0 if it is of a version that can be read; -EINVAL with outcome
 * and reason set in the report. */
int store_read_document(char *text, StoreDocument *ret, StoreReport *report);

/* The state file's own words about when it was written. */
typedef struct StoreOrigin {
    bool same_boot;
    uint64_t saved_boottime_ns;
    uint64_t saved_wall_ns; /* 0: it doesn't say */
} StoreOrigin;

/* Takes one entry of a list, whatever it is. 1 and *ret; 0 when its time has run out; -EINVAL when
 * it can't be read; -ENOMEM. */
int store_read_entry(
        JsonReader *reader, const StoreOrigin *origin, const StoreClock *now, ListEntry **ret);
