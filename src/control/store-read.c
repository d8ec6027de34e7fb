/* SPDX-License-Identifier: MIT */
/* Reading trusts nothing: what is not a state file of ours, whole and well formed, is set aside
 * under a name that tells when, and never overwritten. Single bad entries (somebody edited the file
 * by hand) cost only themselves, and the file as it was is kept. */

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "control/store-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_BYTES_MAX (1024LL * 1024 * 1024)
#define STORE_DEPTH_MAX 8

static void refuse(StoreReport *report, const char *reason)
{
    report->outcome = STORE_DAMAGED;
    snprintf(report->reason, sizeof(report->reason), "%s", reason);
}

/* --- the disk */

static int read_all(int fd, char *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, buffer + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO; /* somebody truncated it under our eyes */
        done += (size_t)n;
    }
    return 0;
}

static int read_file(const char *path, char **ret, size_t *ret_size)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    _cleanup_free_ char *text = NULL;
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > STORE_BYTES_MAX)
        return -EFBIG;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    r = read_all(fd, text, (size_t)st.st_size);
    if (r < 0)
        return r;
    text[st.st_size] = '\0';
    *ret = TAKE_PTR(text);
    *ret_size = (size_t)st.st_size;
    return 0;
}

/* --- the document */

static StoreOrigin get_origin(const StoreDocument *document, const StoreClock *now)
{
    const char *boot_id = document->boot_id;
    StoreOrigin origin = {};

    origin.same_boot = boot_id[0] && strcmp(boot_id, now->boot_id) == 0 &&
                       parse_uint64(document->saved_boottime_ns, 0, now->boottime_ns,
                               &origin.saved_boottime_ns) >= 0;
    if (time_parse_rfc3339(document->saved, &origin.saved_wall_ns) < 0)
        origin.saved_wall_ns = 0;
    return origin;
}

static int take_entry(JsonReader *reader, const StoreOrigin *origin, const StoreClock *now,
        List *list, StoreReport *report)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;
    int r = store_read_entry(reader, origin, now, &entry);

    if (r > 0)
        r = list_add(list, entry);
    else if (r == 0)
        report->expired++;
    if (r == -EINVAL || r == -EEXIST) {
        report->skipped++;
        return 0;
    }
    if (r == -ENOSPC)
        snprintf(report->reason, sizeof(report->reason),
                "the %s in it has more entries than lists.capacity (%zu) allows",
                list_name(list_id(list)), list_capacity(list));
    return r;
}

static int take_list(JsonReader reader, const StoreOrigin *origin, const StoreClock *now,
        List *list, StoreReport *report)
{
    int r = 0;

    for (json_reader_enter(&reader); r >= 0 && json_reader_more(&reader);)
        r = take_entry(&reader, origin, now, list, report);
    return r;
}

/* 0; -EINVAL with the outcome set when nothing was taken; others. */
static int parse(char *text, size_t size, List *const lists[static _LIST_MAX],
        const StoreClock *now, StoreReport *report)
{
    const char *reason = "it is not JSON";
    StoreDocument document;
    StoreOrigin origin;
    int r = -EINVAL;

    if (size == 0)
        refuse(report, "it is empty");
    else if (json_check(text, size, STORE_DEPTH_MAX, &reason) < 0)
        refuse(report, reason);
    else
        r = store_read_document(text, &document, report);
    if (r < 0)
        return r;
    origin = get_origin(&document, now);
    report->migrated = document.version < STORE_VERSION;
    report->other_boot = !origin.same_boot;
    for (ListId id = 0; id < _LIST_MAX && r >= 0; id++)
        if (document.has_list[id])
            r = take_list(document.lists[id], &origin, now, lists[id], report);
    return r;
}

static int load(const char *path, List *const lists[static _LIST_MAX], const StoreClock *now,
        StoreReport *report)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = read_file(path, &text, &size);

    if (r == -ENOENT) {
        report->outcome = STORE_ABSENT;
        return 0;
    }
    if (r < 0)
        return r;
    r = parse(text, size, lists, now, report);
    if (report->outcome == STORE_DAMAGED)
        return store_keep_aside(path, report);
    if (report->outcome == STORE_TOO_NEW)
        return 0;
    if (r >= 0 && (report->skipped > 0 || report->migrated))
        r = store_keep_aside(path, report);
    return r;
}

int store_load(const char *path, List *const lists[static _LIST_MAX], const StoreClock *now,
        StoreReport *ret)
{
    _cleanup_free_ char *temporary = store_temporary_path(path);
    _cleanup_free_ StoreReport *report = calloc(1, sizeof(*report));
    int r;

    if (!temporary || !report)
        return -ENOMEM;
    (void)unlink(temporary);
    report->outcome = STORE_LOADED;
    r = load(path, lists, now, report);
    *ret = *report; /* also on failure: the reason */
    return r;
}
