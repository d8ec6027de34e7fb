/* SPDX-License-Identifier: MIT */
/* A file that can't be taken as it is is kept under another name, and stays where it is until the
 * next save puts a good one in its place: a process killed before that must not leave its successor
 * without any file, which would read as a first start. However many find it, it is kept once. */

#include "base/cleanup.h"
#include "control/store-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#define ATTEMPTS 100

static void aside_name(const char *path, const struct stat *st, int attempt, StoreReport *report)
{
    const char *what = report->migrated ? "older" : "damaged";
    char stamp[32] = "";
    struct tm tm;

    if (gmtime_r(&st->st_mtime, &tm))
        strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    if (attempt == 0)
        snprintf(report->aside, sizeof(report->aside), "%s.%s-%s", path, what, stamp);
    else
        snprintf(report->aside, sizeof(report->aside), "%s.%s-%s-%d", path, what, stamp, attempt);
}

static bool is_same(const char *path, const struct stat *st)
{
    struct stat other;

    return stat(path, &other) == 0 && other.st_size == st->st_size &&
           other.st_mtim.tv_sec == st->st_mtim.tv_sec &&
           other.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

static int copy_bytes(int from, int to, const struct stat *st)
{
    const struct timespec times[] = {st->st_atim, st->st_mtim};

    for (off_t left = st->st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        left -= n;
    }
    return futimens(to, times) < 0 || fsync(to) < 0 ? -errno : 0;
}

static int copy(const char *path, const struct stat *st, const char *aside)
{
    _cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    _cleanup_close_ int to = -EBADF;
    int r;

    if (from < 0)
        return -errno;
    to = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (to < 0)
        return -errno;
    r = copy_bytes(from, to, st);
    if (r < 0)
        (void)unlink(aside);
    return r;
}

/* Links are not to be had on every file system, nor for files of others (protected_hardlinks,
 * proc_sys_fs(5)). -EEXIST: that name has something else. */
static int keep_as(const char *path, const struct stat *st, const char *aside)
{
    int r = link(path, aside) < 0 ? -errno : 0;

    if (r < 0 && r != -EEXIST)
        r = copy(path, st, aside);
    return r == -EEXIST && is_same(aside, st) ? 0 : r;
}

int store_keep_aside(const char *path, StoreReport *report)
{
    struct stat st;
    int r = stat(path, &st) < 0 ? -errno : -EEXIST;

    for (int attempt = 0; attempt < ATTEMPTS && r == -EEXIST; attempt++) {
        aside_name(path, &st, attempt, report);
        r = keep_as(path, &st, report->aside);
    }
    if (r >= 0)
        r = store_sync_folder(path);
    if (r < 0) {
        snprintf(report->reason, sizeof(report->reason), "it can't be kept as %.128s: %s",
                report->aside, strerror(-r));
        report->aside[0] = '\0';
    }
    return r;
}
