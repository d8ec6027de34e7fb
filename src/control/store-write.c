/* SPDX-License-Identifier: MIT */
/* Writing is streaming text into one buffered file: 65,536 entries take a fraction of the time and
 * memory of a tree of JSON objects, and the snapshot is read only. Runs on a worker: nothing here
 * may touch a reference count. */

#include "base/clock.h"
#include "control/store-internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_BUFFER_BYTES (256 * 1024)

/* --- the text */

static void put(FILE *file, const char *text)
{
    fputs_unlocked(text, file);
}

static void put_escaped(FILE *file, unsigned char c)
{
    if (c == '"' || c == '\\') {
        putc_unlocked('\\', file);
        putc_unlocked(c, file);
    } else if (c < 0x20 || c == 0x7f) {
        fprintf(file, "\\u%04x", c);
    } else {
        putc_unlocked(c, file);
    }
}

static void put_string(FILE *file, const char *key, const char *value)
{
    put(file, ",\"");
    put(file, key);
    put(file, "\":\"");
    for (const char *c = value; *c; c++)
        put_escaped(file, (unsigned char)*c);
    putc_unlocked('"', file);
}

static void put_time(FILE *file, const char *key, uint64_t wall_ns)
{
    char text[TIME_TEXT_MAX];

    put_string(file, key, time_format_rfc3339(wall_ns, text));
}

static void put_expiry(FILE *file, const ListEntry *entry, const StoreClock *now)
{
    uint64_t deadline = entry->expires_boottime_ns;
    uint64_t left_ns = deadline > now->boottime_ns ? deadline - now->boottime_ns : 0;

    put_time(file, "expires", entry->expires_wall_ns);
    fprintf(file, ",\"expires_boottime_ns\":\"%" PRIu64 "\",\"remaining_sec\":%" PRIu64, deadline,
            (uint64_t)((left_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC));
}

static void put_entry(FILE *file, const ListEntry *entry, const StoreClock *now)
{
    char address[PREFIX_TEXT_MAX];

    put(file, "{\"ip\":\"");
    put(file, prefix_format(&entry->prefix, address));
    putc_unlocked('"', file);
    put_time(file, "added", entry->added_wall_ns);
    put_string(file, "by", entry->by);
    put_string(file, "comment", entry->comment);
    put_string(file, "origin", entry->origin);
    if (entry->expires_boottime_ns != 0)
        put_expiry(file, entry, now);
    if (entry->unconfirmed)
        fprintf(file, ",\"unconfirmed\":true,\"confirmed_ttl_sec\":%" PRIu64,
                entry->confirmed_ttl_sec);
    putc_unlocked('}', file);
}

static void put_list(FILE *file, const ListSnapshot *snapshot, ListId id, const StoreClock *now)
{
    const char *separator = "\n";
    const ListEntry *entry;
    size_t position = 0;

    fprintf(file, ",\n\"%s\":[", list_name(id));
    while ((entry = list_snapshot_next(snapshot, id, &position))) {
        put(file, separator);
        separator = ",\n";
        put_entry(file, entry, now);
    }
    put(file, "]");
}

static int put_document(FILE *file, const ListSnapshot *snapshot, const StoreClock *now)
{
    fprintf(file, "{\"format\":\"%s\",\"version\":%d", STORE_FORMAT, STORE_VERSION);
    put_string(file, "boot_id", now->boot_id);
    put_time(file, "saved", now->wall_ns);
    fprintf(file, ",\"saved_boottime_ns\":\"%" PRIu64 "\"", now->boottime_ns);
    for (ListId id = 0; id < _LIST_MAX; id++)
        put_list(file, snapshot, id, now);
    put(file, "}\n");
    errno = 0;
    if (fflush(file) != 0 || ferror(file))
        return errno > 0 ? -errno : -EIO;
    return 0;
}

/* --- the disk */

static int make_parents(const char *path)
{
    _cleanup_free_ char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

int store_sync_folder(const char *path)
{
    _cleanup_free_ char *copy = strdup(path);
    _cleanup_close_ int fd = -EBADF;

    if (!copy)
        return -ENOMEM;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return fsync(fd) < 0 ? -errno : 0;
}

char *store_temporary_path(const char *path)
{
    char *temporary;

    return asprintf(&temporary, "%s.tmp", path) < 0 ? NULL : temporary;
}

/* Of a previous run, if anything: within one process writes follow each other. */
static int open_temporary(const char *path, FILE **ret)
{
    _cleanup_close_ int fd = -EBADF;
    FILE *file;

    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    file = fdopen(fd, "w");
    if (!file)
        return -errno;
    TAKE_FD(fd);
    *ret = file;
    return 0;
}

static int write_temporary(const char *path, const ListSnapshot *snapshot, const StoreClock *now)
{
    _cleanup_free_ char *buffer = NULL; /* outlives the stream: cleanups run in reverse */
    _cleanup_fclose_ FILE *file = NULL;
    int r = open_temporary(path, &file);

    if (r < 0)
        return r;
    buffer = malloc(STORE_BUFFER_BYTES);
    if (buffer)
        setvbuf(file, buffer, _IOFBF, STORE_BUFFER_BYTES);
    r = put_document(file, snapshot, now);
    if (r >= 0 && fsync(fileno(file)) < 0)
        r = -errno;
    return r;
}

static bool is_file(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int put_first(const char *temporary, const char *path)
{
    int r;

    if (rename(temporary, path) < 0)
        return -errno;
    r = store_sync_folder(path);
    if (r < 0)
        (void)unlink(path);
    return r;
}

/* Where two files can't change places: the old one keeps another name meanwhile. A file system that
 * can't do that either has nothing to be put back. */
static int put_over(const char *temporary, const char *path)
{
    _cleanup_free_ char *old = NULL;
    bool kept;
    int r;

    if (asprintf(&old, "%s.old", path) < 0)
        return -ENOMEM;
    (void)unlink(old);
    kept = link(path, old) == 0;
    r = rename(temporary, path) < 0 ? -errno : store_sync_folder(path);
    if (r < 0 && kept)
        (void)rename(old, path);
    (void)unlink(old);
    return r;
}

/* The two files change places, and only when that is durable the old one goes: until then it can be
 * put back. */
static int put_in_place(const char *temporary, const char *path)
{
    int r;

    if (!is_file(path))
        return put_first(temporary, path);
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) < 0)
        return errno == EINVAL || errno == ENOSYS ? put_over(temporary, path) : -errno;
    r = store_sync_folder(path);
    if (r < 0)
        (void)rename(temporary, path);
    return r;
}

int store_save(const char *path, const ListSnapshot *snapshot, const StoreClock *now)
{
    _cleanup_free_ char *temporary = store_temporary_path(path);
    int r = temporary ? make_parents(path) : -ENOMEM;

    if (r < 0)
        return r;
    r = write_temporary(temporary, snapshot, now);
    if (r >= 0)
        r = put_in_place(temporary, path);
    (void)unlink(temporary);
    return r;
}
