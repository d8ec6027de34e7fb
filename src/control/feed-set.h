/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of the feeds say, all of them at once: immutable once read, so that a worker can
 * read the next one while this one is in force. Knows disk and format, not what is done with it.
 *
 * A feed is a file NAME.list in one of the two folders. One that can't be read, or that is empty
 * (a download that failed), keeps saying what it said before, for as long as it exists. */

#include "control/feed-parse.h"

#define FEED_FILES_MAX      64 /* a folder; that there are more is a problem of the last */
#define FEED_PROBLEMS_MAX   8  /* told a file; the rest is only counted */
#define FEED_FILE_BYTES_MAX (64UL << 20)
#define FEED_PROBLEM_MAX    320

typedef struct FeedItem {
    Prefix prefix;
    uint32_t line;
    uint32_t comment; /* where in its file's `comments` */
    uint32_t file;    /* index of FeedSet.files */
} FeedItem;

typedef struct FeedFile {
    ListId list;
    char *name;      /* "drop.list" */
    FeedItem *items; /* by prefix, each once */
    size_t n_items;
    char *comments; /* one after the other, each terminated; the first is "" */
    size_t problems;
    size_t problems_of_reading;
    char told[FEED_PROBLEMS_MAX][FEED_PROBLEM_MAX]; /* "drop.list:12: ..." */
} FeedFile;

typedef struct FeedSet {
    FeedFile *files[_LIST_MAX * FEED_FILES_MAX]; /* by list, then by name */
    size_t n_files;
    FeedItem *items[_LIST_MAX]; /* of all files, by prefix, each once: the first file's */
    size_t n_items[_LIST_MAX];
} FeedSet;

/* Reads the folders (NULL or "" = none; one that doesn't exist is empty). `items_max` bounds the
 * items of a file. Blocks: runs on a worker, or at the start. -ENOMEM; what else can go wrong is in
 * the files' problems. `previous` may be NULL. */
int feed_set_read(const char *const folders[static _LIST_MAX], size_t items_max,
        const FeedSet *previous, FeedSet **ret);
FeedSet *feed_set_free(FeedSet *set);
DEFINE_CLEANUP(FeedSet *, feed_set_free);

/* NULL if no feed has it. */
const FeedItem *feed_set_find(const FeedSet *set, ListId list, const Prefix *prefix);
const FeedFile *feed_set_file(const FeedSet *set, const FeedItem *item);
const char *feed_set_comment(const FeedSet *set, const FeedItem *item);

/* Forgets the problems that were not those of reading. */
void feed_set_begin_plan(FeedSet *set);
/* Counts a problem of the file, and keeps its text while there is room. */
void feed_file_problem(FeedFile *file, uint32_t line, const char *format, ...) _printf_(3, 4);
