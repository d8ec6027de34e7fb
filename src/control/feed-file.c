/* SPDX-License-Identifier: MIT */
#include "control/feed-file.h"

#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_TOLD 63 /* bytes of a name in a problem's text */

FeedFile *feed_file_new(ListId list, const char *name)
{
    _cleanup_(feed_file_freep) FeedFile *file = calloc(1, sizeof(*file));

    if (!file)
        return NULL;
    file->list = list;
    file->name = strdup(name);
    return file->name ? TAKE_PTR(file) : NULL;
}

FeedFile *feed_file_free(FeedFile *file)
{
    if (!file)
        return NULL;
    free(file->name);
    free(file->items);
    free(file->comments);
    free(file);
    return NULL;
}

void feed_file_problem(FeedFile *file, uint32_t line, const char *format, ...)
{
    int name = text_fit(file->name, NAME_TOLD);
    char text[FEED_PROBLEM_MAX];
    va_list arguments;

    if (file->problems++ >= FEED_PROBLEMS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (line > 0)
        snprintf(file->told[file->problems - 1], FEED_PROBLEM_MAX, "%.*s:%" PRIu32 ": %.240s", name,
                file->name, line, text);
    else
        snprintf(file->told[file->problems - 1], FEED_PROBLEM_MAX, "%.*s: %.240s", name, file->name,
                text);
}

/* --- its text */

typedef struct Reader {
    FeedFile *file;
    size_t allocated;
    size_t items_max;
    TextBuffer comments;
    size_t beyond; /* lines for which there was no room */
    int error;
} Reader;

static int grow(Reader *reader)
{
    size_t wanted = MAX_OF((size_t)256, reader->allocated * 2);
    FeedItem *items;

    if (reader->file->n_items < reader->allocated)
        return 0;
    items = reallocarray(reader->file->items, wanted, sizeof(*items));
    if (!items)
        return -ENOMEM;
    reader->file->items = items;
    reader->allocated = wanted;
    return 0;
}

static void on_line(const FeedLine *line, void *userdata)
{
    Reader *reader = userdata;
    FeedItem item = {.prefix = line->prefix, .line = line->number};

    if (line->error) {
        feed_file_problem(reader->file, line->number, "%s", line->error);
        return;
    }
    if (reader->file->n_items >= reader->items_max) {
        reader->beyond++;
        return;
    }
    if (grow(reader) < 0) {
        reader->error = -ENOMEM;
        return;
    }
    if (line->comment[0]) {
        item.comment = (uint32_t)reader->comments.size;
        text_append_bytes(&reader->comments, line->comment, strlen(line->comment) + 1);
    }
    reader->file->items[reader->file->n_items++] = item;
}

static int compare_items(const void *a, const void *b)
{
    const FeedItem *one = a, *other = b;
    int r = prefix_compare(&one->prefix, &other->prefix);

    if (r == 0)
        r = (one->file > other->file) - (one->file < other->file);
    return r ? r : (one->line > other->line) - (one->line < other->line);
}

size_t feed_items_unite(FeedItem *items, size_t n)
{
    size_t kept = 0;

    if (n > 0)
        qsort(items, n, sizeof(*items), compare_items);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !prefix_equal(&items[kept - 1].prefix, &items[i].prefix))
            items[kept++] = items[i];
    return kept;
}

static int parse_file(FeedFile *file, const char *text, size_t size, size_t items_max)
{
    Reader reader = {.file = file, .items_max = items_max};

    text_append_bytes(&reader.comments, "", 1);
    feed_parse(text, size, on_line, &reader);
    file->comments = reader.comments.data;
    if (reader.error < 0 || reader.comments.failed)
        return -ENOMEM;
    file->n_items = feed_items_unite(file->items, file->n_items);
    if (reader.beyond > 0)
        feed_file_problem(file, 0, "%zu more lines than lists.capacity (%zu) allows were left out",
                reader.beyond, items_max);
    return 0;
}

/* The whole file. -ENODATA: it is empty. */
static int slurp(int folder, const char *name, char **ret, size_t *ret_size)
{
    _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t size = 0;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size == 0)
        return -ENODATA;
    if ((size_t)st.st_size > FEED_FILE_BYTES_MAX)
        return -EFBIG;
    text = malloc((size_t)st.st_size);
    if (!text)
        return -ENOMEM;
    while (size < (size_t)st.st_size) {
        n = read(fd, text + size, (size_t)st.st_size - size);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        size += n > 0 ? (size_t)n : 0;
    }
    *ret = TAKE_PTR(text);
    *ret_size = size;
    return 0;
}

/* --- what it said before */

static size_t comments_size(const FeedFile *file)
{
    size_t end = 1;

    for (size_t i = 0; i < file->n_items; i++)
        end = MAX_OF(
                end, file->items[i].comment + strlen(file->comments + file->items[i].comment) + 1);
    return end;
}

static int keep_previous(FeedFile *file, const FeedFile *previous, int error)
{
    size_t size = previous ? comments_size(previous) : 1;

    file->comments = calloc(1, size);
    if (!file->comments)
        return -ENOMEM;
    if (error < 0)
        feed_file_problem(file, 0, "%s%s",
                error == -ENODATA ? "is empty, as after a failed download" : strerror(-error),
                previous && previous->n_items > 0 ? "; what it said before stays" : "");
    if (!previous || previous->n_items == 0)
        return 0;
    memcpy(file->comments, previous->comments, size);
    file->items = reallocarray(NULL, previous->n_items, sizeof(*file->items));
    if (!file->items)
        return -ENOMEM;
    memcpy(file->items, previous->items, previous->n_items * sizeof(*file->items));
    file->n_items = previous->n_items;
    return 0;
}

int feed_file_keep(const FeedFile *previous, int error, FeedFile **ret)
{
    _cleanup_(feed_file_freep) FeedFile *file = feed_file_new(previous->list, previous->name);
    int r = file ? keep_previous(file, previous, error) : -ENOMEM;

    if (r < 0)
        return r;
    if (error == 0) {
        file->problems = previous->problems_of_reading;
        /* Those behind are a plan's, which may be made just now on the loop. */
        memcpy(file->told, previous->told,
                MIN_OF(file->problems, (size_t)FEED_PROBLEMS_MAX) * sizeof(file->told[0]));
    }
    file->problems_of_reading = file->problems;
    *ret = TAKE_PTR(file);
    return 0;
}

int feed_file_read(ListId list, int folder_fd, const char *name, size_t items_max,
        const FeedFile *previous, FeedFile **ret)
{
    _cleanup_(feed_file_freep) FeedFile *file = feed_file_new(list, name);
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r;

    if (!file)
        return -ENOMEM;
    r = slurp(folder_fd, name, &text, &size);
    if (r >= 0)
        r = parse_file(file, text, size, items_max);
    else if (r != -ENOENT && r != -ENOMEM)
        r = keep_previous(file, previous, r);
    if (r < 0)
        return r;
    file->problems_of_reading = file->problems;
    *ret = TAKE_PTR(file);
    return 0;
}
