/* SPDX-License-Identifier: MIT */
#pragma once

/* One list (black or white) in memory: prefixes with who, when, why and until when.
 *
 * Entries are immutable and shared by reference count: a change replaces an entry. So a writer
 * thread can read a snapshot without locks while the loop goes on. The list owns one reference to
 * each of its entries, in the order they were added; an entry is on one list at most. Only the
 * loop's thread takes or drops references. */

#include "base/address.h"
#include "base/cleanup.h"
#include "flow/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_COMMENT_MAX     256 /* bytes, terminator included */
#define LIST_BY_MAX          64
#define LIST_TTL_MAX_SEC     (10ULL * 365 * 24 * 3600)
#define LIST_CONFIRM_MAX_SEC 86400

/* Where an entry is: notes of its list, which nobody else reads. */
typedef struct ListPlace {
    uint32_t hash;
    uint32_t position;
    uint32_t heap_index;
    bool on_shelf;
    struct ListEntry *next_on_shelf;
} ListPlace;

typedef struct ListEntry {
    unsigned n_ref;
    Prefix prefix;
    uint64_t added_wall_ns;
    /* 0 = for ever. The deadline on CLOCK_BOOTTIME is what counts within one boot; the wall clock
     * time is for people and for the next boot. */
    uint64_t expires_boottime_ns;
    uint64_t expires_wall_ns;
    /* Until it is confirmed its deadline is that of the confirmation. */
    bool unconfirmed;
    uint64_t confirmed_ttl_sec; /* how long it lives from then on; 0 = for ever */
    bool from_feed; /* a feed's file says so, `origin` is its name; not in the state file */
    uint32_t slot;  /* the datapath's number for it, see datapath.h */
    char *by;       /* who: "uid 0 over http", never NULL */
    char *comment;  /* never NULL */
    char *origin;   /* "manual", or the name of a feed's file */
    ListPlace place;
} ListEntry;

/* All texts are copied. NULL: out of memory. The new entry has one reference, the caller's. */
ListEntry *list_entry_new(
        const Prefix *prefix, const char *by, const char *comment, const char *origin);
ListEntry *list_entry_ref(ListEntry *entry);
ListEntry *list_entry_unref(ListEntry *entry); /* NULL */
DEFINE_CLEANUP(ListEntry *, list_entry_unref);

typedef struct List List;

int list_new(ListId id, size_t capacity, List **ret);
List *list_free(List *list);
DEFINE_CLEANUP(List *, list_free);

ListId list_id(const List *list);
size_t list_count(const List *list);
size_t list_capacity(const List *list);

/* Takes a reference. -EEXIST, -ENOSPC (at capacity), -ENOMEM; nothing changed then. */
int list_add(List *list, ListEntry *entry);
/* Hands the list's reference over to *ret, if asked for. -ENOENT; -ENOMEM, only while a snapshot is
 * there; nothing changed then. */
int list_remove(List *list, const Prefix *prefix, ListEntry **ret);
/* Puts `entry` in the place of the one with the same prefix, in order too. Takes a reference, and
 * hands the list's reference to the old entry over to *ret, if asked for. -ENOENT, -ENOMEM; nothing
 * changed then. */
int list_replace(List *list, ListEntry *entry, ListEntry **ret);
ListEntry *list_get(const List *list, const Prefix *prefix); /* borrowed; NULL */
/* The longest prefix on the list that contains `address`; borrowed; NULL. */
ListEntry *list_match(const List *list, const Address *address);
/* Those on the list that contain all of `prefix`, the longest first; borrowed. Returns how many of
 * them were put into `entries`, `max` at most. */
size_t list_covering(const List *list, const Prefix *prefix, ListEntry **entries, size_t max);
/* In order of addition; NULL after the last. list_next() of a removed entry is not allowed. */
ListEntry *list_first(const List *list);
ListEntry *list_next(const List *list, const ListEntry *entry);
/* All of them at once, borrowed, in order of addition; room for list_count(). */
void list_copy(const List *list, ListEntry **entries);
/* The entry that expires first, or NULL. */
ListEntry *list_next_to_expire(const List *list);
/* Those whose time is up at `now_boottime_ns`, borrowed, in no order. Returns how many of them were
 * put into `entries`, `max` at most. */
size_t list_expired(const List *list, uint64_t now_boottime_ns, ListEntry **entries, size_t max);

/* A consistent picture of what both lists hold, the feeds' entries aside. Costs the same however
 * long they are; a change of what it shows then costs a copy of the list's order, once. It may
 * outlive the lists. Made and freed on the loop's thread, read on any. */
typedef struct ListSnapshot ListSnapshot;

int list_snapshot_new(List *const lists[static _LIST_MAX], ListSnapshot **ret);
ListSnapshot *list_snapshot_free(ListSnapshot *snapshot);
DEFINE_CLEANUP(ListSnapshot *, list_snapshot_free);
/* In order of addition; NULL after the last. *position is 0 at first, then the snapshot's. */
const ListEntry *list_snapshot_next(const ListSnapshot *snapshot, ListId list, size_t *position);
