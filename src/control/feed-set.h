/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of the feeds say, all of them at once: immutable once read, so that a worker can
 * read the next one while this one is in force. Knows which files there are, not what is done with
 * them.
 *
 * A feed is a file NAME.list in one of the two folders. A folder that can't be read, like a file
 * that can't, keeps saying what it said before; one that doesn't exist says nothing. Of a folder of
 * which nothing was ever read, FEED_FOLDER tells why. */

#include "control/feed-file.h"

#define FEED_FILES_MAX 64 /* a folder; that there are more is a problem of the last */
#define FEED_FOLDER    "(folder)"

typedef struct FeedSet {
    FeedFile *files[_LIST_MAX * FEED_FILES_MAX]; /* by list, then by name */
    size_t n_files;
    FeedItem *items[_LIST_MAX]; /* of all files, by prefix, each once: the first file's */
    size_t n_items[_LIST_MAX];
} FeedSet;

/* Names of files that are being written. */
typedef struct FeedNames {
    size_t n;
    char names[FEED_FILES_MAX][LIST_COMMENT_MAX];
} FeedNames;

/* Of a file that can be a feed. */
bool feed_set_takes(const char *name);

/* Reads the folders (NULL or "" = none; one that doesn't exist is empty). `items_max` bounds the
 * items of a file. Blocks: runs on a worker, or at the start. -ENOMEM; what else can go wrong is in
 * the files' problems. `previous` may be NULL, and so may `written`: a file in the middle of being
 * written goes on saying what it said before. */
int feed_set_read(const char *const folders[static _LIST_MAX], size_t items_max,
        const FeedNames written[_LIST_MAX], const FeedSet *previous, FeedSet **ret);
FeedSet *feed_set_free(FeedSet *set);
DEFINE_CLEANUP(FeedSet *, feed_set_free);

/* NULL if no feed has it. */
const FeedItem *feed_set_find(const FeedSet *set, ListId list, const Prefix *prefix);
const FeedFile *feed_set_file(const FeedSet *set, const FeedItem *item);
const char *feed_set_comment(const FeedSet *set, const FeedItem *item);

/* Of the problems' texts: another one, another hash. */
uint64_t feed_set_problems_hash(const FeedSet *set);
/* Forgets the problems that were not those of reading. */
void feed_set_begin_plan(FeedSet *set);
