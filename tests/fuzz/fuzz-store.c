/* SPDX-License-Identifier: MIT */
/* The state file. Whatever lies there: it is loaded, or set aside as it was and reported; it is
 * never lost. What was loaded is the same after it was saved and loaded again. */

#include "fuzz.h"

#include "base/clock.h"
#include "base/text.h"
#include "control/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { CAPACITY = 64 };

static const StoreClock now = {
        5000 * NSEC_PER_SEC, 1800000000ULL * NSEC_PER_SEC, "0123456789abcdef0123456789abcdef"};
static char folder[64], path[96];

static void remove_folder(void)
{
    (void)rmdir(folder);
}

static void make_folder(void)
{
    if (folder[0])
        return;
    snprintf(folder, sizeof(folder), "%s/ntc-fuzz-XXXXXX",
            access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/lists.json", folder);
    atexit(remove_folder);
}

static void write_file(const uint8_t *data, size_t size)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

static void new_lists(List *lists[static _LIST_MAX])
{
    for (ListId id = 0; id < _LIST_MAX; id++)
        CHECK(list_new(id, CAPACITY, &lists[id]) == 0);
}

static void free_lists(List *lists[static _LIST_MAX])
{
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free(lists[id]);
}

static void check_entry(const ListEntry *entry)
{
    CHECK(entry->by && entry->comment && entry->origin);
    CHECK(text_is_printable(entry->comment) && strlen(entry->comment) < LIST_COMMENT_MAX);
    if (entry->expires_boottime_ns) {
        CHECK(entry->expires_boottime_ns > now.boottime_ns);
        CHECK(entry->expires_boottime_ns - now.boottime_ns <= LIST_TTL_MAX_SEC * NSEC_PER_SEC);
    }
    CHECK(!entry->unconfirmed || entry->expires_boottime_ns);
}

static bool same_entry(const ListEntry *a, const ListEntry *b)
{
    /* The file counts what is left in whole seconds. */
    uint64_t x = a->expires_boottime_ns, y = b->expires_boottime_ns;

    return prefix_equal(&a->prefix, &b->prefix) && strcmp(a->by, b->by) == 0 &&
           strcmp(a->comment, b->comment) == 0 && strcmp(a->origin, b->origin) == 0 &&
           a->unconfirmed == b->unconfirmed && a->confirmed_ttl_sec == b->confirmed_ttl_sec &&
           (x == 0) == (y == 0) && MAX_OF(x, y) - MIN_OF(x, y) <= NSEC_PER_SEC;
}

static void check_same(const List *a, const List *b)
{
    const ListEntry *y = list_first(b);

    CHECK(list_count(a) == list_count(b));
    for (const ListEntry *x = list_first(a); x; x = list_next(a, x), y = list_next(b, y)) {
        check_entry(x);
        CHECK(same_entry(x, y));
    }
}

static void check_saved(List *lists[static _LIST_MAX])
{
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = NULL;
    List *again[_LIST_MAX];
    StoreReport report;

    CHECK(list_snapshot_new(lists, &snapshot) == 0);
    CHECK(store_save(path, snapshot, &now) == 0);
    new_lists(again);
    CHECK(store_load(path, again, &now, &report) == 0);
    CHECK(report.outcome == STORE_LOADED && report.skipped == 0 && report.expired == 0);
    CHECK(!report.migrated && !report.other_boot);
    for (ListId id = 0; id < _LIST_MAX; id++)
        check_same(lists[id], again[id]);
    free_lists(again);
}

static void check_bytes(const char *name, const uint8_t *data, size_t size)
{
    _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ uint8_t *found = malloc(size + 1);

    CHECK(fd >= 0 && found);
    CHECK(read(fd, found, size + 1) == (ssize_t)size && memcmp(found, data, size) == 0);
}

static void empty_folder(void)
{
    DIR *dir = opendir(folder);

    CHECK(dir);
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir))
        if (d->d_name[0] != '.')
            CHECK(unlinkat(dirfd(dir), d->d_name, 0) == 0);
    closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    List *lists[_LIST_MAX];
    StoreReport report;
    int r;

    make_folder();
    write_file(data, size);
    new_lists(lists);
    r = store_load(path, lists, &now, &report);
    CHECK(r == 0 || r == -ENOSPC);
    if (r == 0 && report.outcome == STORE_LOADED) {
        check_bytes(report.aside[0] ? report.aside : path, data, size);
        check_saved(lists);
    } else if (r == 0) {
        CHECK(report.outcome == STORE_DAMAGED || report.outcome == STORE_TOO_NEW);
        CHECK(report.reason[0] && list_count(lists[0]) == 0 && list_count(lists[1]) == 0);
        check_bytes(report.outcome == STORE_DAMAGED ? report.aside : path, data, size);
    }
    free_lists(lists);
    empty_folder();
    return 0;
}
