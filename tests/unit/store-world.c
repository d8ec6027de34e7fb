/* SPDX-License-Identifier: MIT */
#include "store-world.h"

#include "leaks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const StoreClock clock0 = {1000 * NSEC_PER_SEC, WALL_NS, "boot-a"};

void empty_lists(Fixture *f, size_t capacity)
{
    for (ListId id = 0; id < _LIST_MAX; id++) {
        list_free(f->lists[id]);
        cr_assert_eq(list_new(id, capacity, &f->lists[id]), 0);
    }
}

Fixture *new_fixture(void)
{
    Fixture *f = calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "/tmp/ntc-test-store-XXXXXX");
    cr_assert(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/lists.json", f->folder);
    empty_lists(f, 100);
    return f;
}

void free_fixture(Fixture **f)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", (*f)->folder);
    cr_assert_eq(system(command), 0);
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free((*f)->lists[id]);
    free(*f);
    abort_on_leaks();
}

ListEntry *add(Fixture *f, ListId id, const char *text, uint64_t ttl_sec, const char *comment)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0);
    entry = list_entry_new(&prefix, "uid 0 over http", comment, "manual");
    entry->added_wall_ns = clock0.wall_ns;
    if (ttl_sec > 0) {
        entry->expires_boottime_ns = clock0.boottime_ns + ttl_sec * NSEC_PER_SEC;
        entry->expires_wall_ns = clock0.wall_ns + ttl_sec * NSEC_PER_SEC;
    }
    cr_assert_eq(list_add(f->lists[id], entry), 0);
    return list_get(f->lists[id], &prefix);
}

int save(Fixture *f, const StoreClock *now)
{
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = NULL;

    cr_assert_eq(list_snapshot_new(f->lists, &snapshot), 0);
    return store_save(f->path, snapshot, now);
}

int load(Fixture *f, const StoreClock *now)
{
    empty_lists(f, 100);
    return store_load(f->path, f->lists, now, &f->report);
}

ListEntry *first(Fixture *f)
{
    return list_first(f->lists[LIST_BLACKLIST]);
}

void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

size_t count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    for (const struct dirent *d = readdir(dir); d; d = readdir(dir))
        n += d->d_name[0] != '.';
    closedir(dir);
    return n;
}
