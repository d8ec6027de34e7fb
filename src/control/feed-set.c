/* SPDX-License-Identifier: MIT */
#include "control/feed-set.h"

#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".list"

/* --- one file
 * --------------------------------------------------------------------------------------- */

static FeedFile *feed_file_free(FeedFile *file)
{
    if (!file)
        return NULL;
    free(file->name);
    free(file->items);
    free(file->comments);
    free(file);
    return NULL;
}
DEFINE_CLEANUP(FeedFile *, feed_file_free);

void feed_file_problem(FeedFile *file, uint32_t line, const char *format, ...)
{
    char text[FEED_PROBLEM_MAX];
    va_list arguments;

    if (file->problems++ >= FEED_PROBLEMS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (line > 0)
        snprintf(file->told[file->problems - 1], FEED_PROBLEM_MAX, "%.63s:%" PRIu32 ": %.240s",
                file->name, line, text);
    else
        snprintf(file->told[file->problems - 1], FEED_PROBLEM_MAX, "%.63s: %.240s", file->name,
                text);
}

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

/* Of equal prefixes the first stays. Returns how many are left. */
static size_t sort_and_unite(FeedItem *items, size_t n)
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
    file->n_items = sort_and_unite(file->items, file->n_items);
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

/* --- what it said before
 * ---------------------------------------------------------------------------- */

static const FeedFile *find_file(const FeedSet *set, ListId list, const char *name)
{
    for (size_t i = 0; set && i < set->n_files; i++)
        if (set->files[i]->list == list && strcmp(set->files[i]->name, name) == 0)
            return set->files[i];
    return NULL;
}

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
    if (error == -ENODATA && (!previous || previous->n_items == 0))
        return 0;
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

static FeedFile *feed_file_new(ListId list, const char *name)
{
    _cleanup_(feed_file_freep) FeedFile *file = calloc(1, sizeof(*file));

    if (!file)
        return NULL;
    file->list = list;
    file->name = strdup(name);
    return file->name ? TAKE_PTR(file) : NULL;
}

static void take_file(FeedSet *set, FeedFile *file)
{
    for (size_t i = 0; i < file->n_items; i++)
        file->items[i].file = (uint32_t)set->n_files;
    file->problems_of_reading = file->problems;
    set->files[set->n_files++] = file;
}

static int add_previous(FeedSet *set, const FeedFile *previous, int error)
{
    _cleanup_(feed_file_freep) FeedFile *file = feed_file_new(previous->list, previous->name);
    int r = file ? keep_previous(file, previous, error) : -ENOMEM;

    if (r >= 0)
        take_file(set, TAKE_PTR(file));
    return r;
}

/* --- the folders
 * ------------------------------------------------------------------------------------ */

static int read_file(FeedSet *set, ListId list, int folder, const char *name, size_t items_max,
        const FeedSet *previous)
{
    _cleanup_(feed_file_freep) FeedFile *file = feed_file_new(list, name);
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r;

    if (!file)
        return -ENOMEM;
    r = slurp(folder, name, &text, &size);
    if (r == -ENOENT)
        return 0; /* went away meanwhile */
    if (r >= 0)
        r = parse_file(file, text, size, items_max);
    else if (r != -ENOMEM)
        r = keep_previous(file, find_file(previous, list, name), r);
    if (r >= 0)
        take_file(set, TAKE_PTR(file));
    return r;
}

static int is_feed(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);

    return entry->d_name[0] != '.' && size > strlen(SUFFIX) && size < LIST_COMMENT_MAX &&
           strcmp(entry->d_name + size - strlen(SUFFIX), SUFFIX) == 0 &&
           text_is_printable(entry->d_name);
}

/* A folder that can't be read is no reason to unblock anybody. */
static int keep_folder(FeedSet *set, ListId list, const FeedSet *previous, int error)
{
    int r = 0;

    for (size_t i = 0; previous && i < previous->n_files && r >= 0; i++)
        if (previous->files[i]->list == list)
            r = add_previous(set, previous->files[i], error);
    return r;
}

static void tell_left_out(FeedFile *last, size_t n)
{
    feed_file_problem(last, 0, "%zu files behind this one were left out: at most %d a folder", n,
            FEED_FILES_MAX);
    last->problems_of_reading = last->problems;
}

static int read_folder(
        FeedSet *set, ListId list, const char *path, size_t items_max, const FeedSet *previous)
{
    _cleanup_close_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **names = NULL;
    int n, r = 0;

    if (folder < 0)
        return errno == ENOENT ? 0 : keep_folder(set, list, previous, -errno);
    n = scandirat(folder, ".", &names, is_feed, alphasort);
    for (int i = 0; i < n; i++) {
        if (i < FEED_FILES_MAX && r >= 0)
            r = read_file(set, list, folder, names[i]->d_name, items_max, previous);
        free(names[i]);
    }
    free(names);
    if (n > FEED_FILES_MAX && r >= 0 && set->n_files > 0)
        tell_left_out(set->files[set->n_files - 1], (size_t)(n - FEED_FILES_MAX));
    return n < 0 && errno == ENOMEM ? -ENOMEM : r;
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
    set->n_items[list] = sort_and_unite(set->items[list], n);
    return 0;
}

int feed_set_read(const char *const folders[static _LIST_MAX], size_t items_max,
        const FeedSet *previous, FeedSet **ret)
{
    _cleanup_(feed_set_freep) FeedSet *set = calloc(1, sizeof(*set));
    int r = set ? 0 : -ENOMEM;

    for (ListId list = 0; list < _LIST_MAX && r >= 0; list++)
        if (folders[list] && folders[list][0])
            r = read_folder(set, list, folders[list], items_max, previous);
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

void feed_set_begin_plan(FeedSet *set)
{
    for (size_t i = 0; i < set->n_files; i++)
        set->files[i]->problems = set->files[i]->problems_of_reading;
}

/* --- views
 * ------------------------------------------------------------------------------------------ */

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
