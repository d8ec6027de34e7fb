/* SPDX-License-Identifier: MIT */
#pragma once

/* What one file of a feed says. A file that can't be read, or that is empty (a download that
 * failed), keeps saying what it said before. Immutable once read, but for its problems. Knows disk
 * and format, not which files there are.
 *
 * Private to feed-set.c; users of a set see the structs. */

#include "control/feed-parse.h"

#define FEED_PROBLEMS_MAX   8 /* told a file; the rest is only counted */
#define FEED_FILE_BYTES_MAX (64UL << 20)
#define FEED_PROBLEM_MAX    320

typedef struct FeedItem {
    Prefix prefix;
    uint32_t line;
    uint32_t comment; /* where in its file's `comments` */
    uint32_t file;    /* index of FeedSet.files, which sets it */
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

/* Reads `name` in the folder, at most `items_max` items of it. `previous` is what it said before,
 * or NULL. Blocks. -ENOENT: it went away meanwhile; -ENOMEM; what else can go wrong is in the
 * file's problems. */
int feed_file_read(ListId list, int folder_fd, const char *name, size_t items_max,
        const FeedFile *previous, FeedFile **ret);
/* The same for a file whose folder can't be read, for `error`; or that is not to be read just now,
 * which is no problem: 0. -ENOMEM. */
int feed_file_keep(const FeedFile *previous, int error, FeedFile **ret);
/* One that says nothing. NULL: out of memory. */
FeedFile *feed_file_new(ListId list, const char *name);
FeedFile *feed_file_free(FeedFile *file);
DEFINE_CLEANUP(FeedFile *, feed_file_free);

/* Counts a problem of the file, and keeps its text while there is room. `line` 0: of the whole. */
void feed_file_problem(FeedFile *file, uint32_t line, const char *format, ...) _printf_(3, 4);

/* Sorts by prefix; of equal ones the first stays, by file and line. Returns how many are left. */
size_t feed_items_unite(FeedItem *items, size_t n);
