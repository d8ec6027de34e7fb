/* SPDX-License-Identifier: MIT */
#include "control/feed-set.h"

#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SUFFIX ".list"

/* --- the folders */

static const FeedFile *find_file(const FeedSet *set, ListId list, const char *name)
{
    for (size_t i = 0; set && i < set->n_files; i++)
        if (set->files[i]->list == list && strcmp(set->files[i]->name, name) == 0)
            return set->files[i];
    return NULL;
}

static void take_file(FeedSet *set, FeedFile *file)
{
    for (size_t i = 0; i < file->n_items; i++)
        file->items[i].file = (uint32_t)set->n_files;
    set->files[set->n_files++] = file;
}

static bool is_written(const FeedNames *written, const char *name)
{
    for (size_t i = 0; written && i < written->n; i++)
        if (strcmp(written->names[i], name) == 0)
            return true;
    return false;
}

static int read_file(FeedSet *set, ListId list, int folder, const char *name, size_t items_max,
        const FeedNames *written, const FeedSet *previous)
{
    const FeedFile *before = find_file(previous, list, name);
    FeedFile *file;
    int r = -ENOENT;

    if (!is_written(written, name))
        r = feed_file_read(list, folder, name, items_max, before, &file);
    else if (before)
        r = feed_file_keep(before, 0, &file);
    if (r >= 0)
        take_file(set, file);
    return r == -ENOENT ? 0 : r; /* went away meanwhile, or says nothing yet */
}

bool feed_set_takes(const char *name)
{
    size_t size = strlen(name);

    return name[0] != '.' && size > strlen(SUFFIX) && size < LIST_COMMENT_MAX &&
           strcmp(name + size - strlen(SUFFIX), SUFFIX) == 0 && text_is_printable(name);
}

static int is_feed(const struct dirent *entry)
{
    return feed_set_takes(entry->d_name);
}

/* In the place of the files that nobody knows of. */
static int tell_of_folder(FeedSet *set, ListId list, int error)
{
    _cleanup_(feed_file_freep) FeedFile *nothing = feed_file_new(list, FEED_FOLDER);
    FeedFile *file;
    int r = nothing ? feed_file_keep(nothing, error, &file) : -ENOMEM;

    if (r >= 0)
        take_file(set, file);
    return r;
}

/* A folder that can't be read is no reason to unblock anybody. */
static int keep_folder(FeedSet *set, ListId list, const FeedSet *previous, int error)
{
    size_t before = set->n_files;
    int r = 0;

    for (size_t i = 0; previous && i < previous->n_files && r >= 0; i++) {
        FeedFile *file;

        if (previous->files[i]->list != list)
            continue;
        r = feed_file_keep(previous->files[i], error, &file);
        if (r >= 0)
            take_file(set, file);
    }
    return r >= 0 && set->n_files == before ? tell_of_folder(set, list, error) : r;
}

static void tell_left_out(FeedFile *last, size_t n)
{
    feed_file_problem(last, 0, "%zu files behind this one were left out: at most %d a folder", n,
            FEED_FILES_MAX);
    last->problems_of_reading = last->problems;
}

static int read_folder(FeedSet *set, ListId list, const char *path, size_t items_max,
        const FeedNames *written, const FeedSet *previous)
{
    _cleanup_close_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **names = NULL;
    int n, r = 0;

    if (folder < 0)
        return errno == ENOENT ? 0 : keep_folder(set, list, previous, -errno);
    n = scandirat(folder, ".", &names, is_feed, alphasort);
    if (n < 0)
        return errno == ENOMEM ? -ENOMEM : keep_folder(set, list, previous, -errno);
    for (int i = 0; i < n; i++) {
        if (i < FEED_FILES_MAX && r >= 0)
            r = read_file(set, list, folder, names[i]->d_name, items_max, written, previous);
        free(names[i]);
    }
    free(names);
    if (n > FEED_FILES_MAX && r >= 0 && set->n_files > 0)
        tell_left_out(set->files[set->n_files - 1], (size_t)(n - FEED_FILES_MAX));
    return r;
}

static int unite(FeedSet *set, ListId list)
{
    FeedItem *items;
    size_t n = 0;

    for (size_t i = 0; i < set->n_files; i++)
        n += set->files[i]->list == list ? set->files[i]->n_items : 0;
    items = reallocarray(NULL, n ? n : 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    set->items[list] = items;
    for (size_t i = 0; i < set->n_files; i++) {
        const FeedFile *file = set->files[i];

        if (file->list != list || file->n_items == 0)
            continue;
        memcpy(items, file->items, file->n_items * sizeof(*items));
        items += file->n_items;
    }
    set->n_items[list] = feed_items_unite(set->items[list], n);
    return 0;
}

int feed_set_read(const char *const folders[static _LIST_MAX], size_t items_max,
        const FeedNames written[_LIST_MAX], const FeedSet *previous, FeedSet **ret)
{
    _cleanup_(feed_set_freep) FeedSet *set = calloc(1, sizeof(*set));
    int r = set ? 0 : -ENOMEM;

    for (ListId list = 0; list < _LIST_MAX && r >= 0; list++)
        if (folders[list] && folders[list][0])
            r = read_folder(
                    set, list, folders[list], items_max, written ? &written[list] : NULL, previous);
    for (ListId list = 0; list < _LIST_MAX && r >= 0; list++)
        r = unite(set, list);
    if (r >= 0)
        *ret = TAKE_PTR(set);
    return r;
}

FeedSet *feed_set_free(FeedSet *set)
{
    if (!set)
        return NULL;
    for (size_t i = 0; i < set->n_files; i++)
        feed_file_free(set->files[i]);
    for (ListId list = 0; list < _LIST_MAX; list++)
        free(set->items[list]);
    free(set);
    return NULL;
}

/* --- problems */

uint64_t feed_set_problems_hash(const FeedSet *set)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < set->n_files; i++) {
        const FeedFile *file = set->files[i];

        for (size_t k = 0; k < MIN_OF(file->problems, (size_t)FEED_PROBLEMS_MAX); k++)
            hash = XXH3_64bits_withSeed(
                    file->told[k], strlen(file->told[k]), hash + file->problems);
    }
    return hash;
}

void feed_set_begin_plan(FeedSet *set)
{
    for (size_t i = 0; i < set->n_files; i++)
        set->files[i]->problems = set->files[i]->problems_of_reading;
}

/* --- views */

static int compare_prefixes(const void *key, const void *item)
{
    return prefix_compare(key, &((const FeedItem *)item)->prefix);
}

const FeedItem *feed_set_find(const FeedSet *set, ListId list, const Prefix *prefix)
{
    if (!set)
        return NULL;
    return bsearch(
            prefix, set->items[list], set->n_items[list], sizeof(FeedItem), compare_prefixes);
}

const FeedFile *feed_set_file(const FeedSet *set, const FeedItem *item)
{
    return set->files[item->file];
}

const char *feed_set_comment(const FeedSet *set, const FeedItem *item)
{
    return set->files[item->file]->comments + item->comment;
}
