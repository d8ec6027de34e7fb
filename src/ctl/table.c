/* SPDX-License-Identifier: MIT */
#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

bool on_terminal(void)
{
    static int known = -1;
    const char *term = getenv("TERM");

    if (known < 0)
        known = isatty(STDOUT_FILENO) && !(term && strcmp(term, "dumb") == 0);
    return known;
}

bool in_colour(void)
{
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org: unless it is empty */

    return on_terminal() && !(no_colour && no_colour[0]);
}

size_t terminal_width(void)
{
    static const int fds[] = {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO};
    struct winsize size;

    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        if (ioctl(fds[i], TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            return size.ws_col;
    return 80;
}

const char *colour_of_action(const char *action)
{
    static const char *const colours[][2] = {
            {"DROP", "\033[31m"}, {"SKIP", "\033[32m"}, {"SSH", "\033[36m"}};

    for (size_t i = 0; in_colour() && i < ELEMENTSOF(colours); i++)
        if (strcmp(action, colours[i][0]) == 0)
            return colours[i][1];
    return "";
}

/* --- one value */

static void format_bytes(double bytes, char *buffer, size_t size)
{
    static const char *const units[] = {"B", "K", "M", "G", "T", "P"};
    size_t unit = 0;

    while (bytes >= 1000 && unit + 1 < ELEMENTSOF(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(buffer, size, unit == 0 || bytes >= 100 ? "%.0f%s" : "%.1f%s", bytes, units[unit]);
}

static void format_number(int64_t number, char *buffer, size_t size)
{
    char digits[32];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, number);
    size_t used = 0;

    for (int i = 0; i < n && used + 2 < size; i++) {
        buffer[used++] = digits[i];
        if (digits[i] != '-' && i + 1 < n && (n - i - 1) % 3 == 0)
            buffer[used++] = ',';
    }
    buffer[used] = '\0';
}

static void format_time(const char *text, char *buffer, size_t size)
{
    uint64_t wall_ns;
    struct tm tm;
    time_t seconds;

    if (time_parse_rfc3339(text, &wall_ns) < 0) {
        snprintf(buffer, size, "%s", text);
        return;
    }
    seconds = (time_t)(wall_ns / NSEC_PER_SEC);
    localtime_r(&seconds, &tm);
    strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &tm);
}

/* What comes from elsewhere must not steer the terminal. The second half of the control characters,
 * from U+0080 on, is two bytes of UTF-8. */
static void without_control_characters(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = '?';
}

const char *format_value(ColumnKind kind, json_object *value, char *buffer, size_t size)
{
    snprintf(buffer, size, "-");
    if (!value)
        return buffer;
    if (kind == COLUMN_NUMBER)
        format_number(json_object_get_int64(value), buffer, size);
    else if (kind == COLUMN_BYTES)
        format_bytes(json_object_get_double(value), buffer, size);
    else if (kind == COLUMN_RATE)
        snprintf(buffer, size, "%.1f", json_object_get_double(value));
    else if (kind == COLUMN_TIME)
        format_time(json_object_get_string(value), buffer, size);
    else
        snprintf(buffer, size, "%s", json_object_get_string(value));
    without_control_characters(buffer);
    return buffer;
}

#define TEXT_MAX        512
#define LAST_COLUMN_MIN 24U /* others make room for so much of it; it is wrapped */
#define FOLD_MIN        10U

/* --- tables */

static void table_unref(struct libscols_table **table)
{
    scols_unref_table(*table);
}

static int flags_of(ColumnKind kind)
{
    return kind == COLUMN_TEXT || kind == COLUMN_TIME || kind == COLUMN_ACTION ? 0 : SCOLS_FL_RIGHT;
}

static const char *cell(json_object *row, const Column *column, char *buffer, size_t size)
{
    return format_value(column->kind, json_object_object_get(row, column->key), buffer, size);
}

/* How wide a column gets; 0 if no row has a value for it. */
static size_t width_of(json_object *rows, size_t n, const Column *column, bool last)
{
    size_t width = 0;
    char text[TEXT_MAX];

    for (size_t i = 0; i < n; i++) {
        const char *value = cell(json_object_array_get_idx(rows, i), column, text, sizeof(text));

        if (value[0] && strcmp(value, "-") != 0)
            width = MAX_OF(width, strlen(value));
    }
    if (width == 0)
        return 0;
    width = MAX_OF(width, strlen(column->title));
    return last ? MIN_OF(width, LAST_COLUMN_MIN) : width;
}

/* What is shown of a table: its columns in order, and how wide the text of the last one may get. */
typedef struct Layout {
    const Column *columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t n;
    size_t fold;
} Layout;

static size_t layout_width(const Layout *layout, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += layout->widths[i] + 1;
    return sum;
}

/* False: none can be spared. */
static bool layout_drop(Layout *layout)
{
    size_t worst = 0;

    for (size_t i = 1; i < layout->n; i++)
        if (layout->columns[i]->spare > layout->columns[worst]->spare)
            worst = i;
    if (layout->n == 0 || layout->columns[worst]->spare == 0)
        return false;
    layout->n--;
    for (size_t i = worst; i < layout->n; i++) {
        layout->columns[i] = layout->columns[i + 1];
        layout->widths[i] = layout->widths[i + 1];
    }
    return true;
}

/* Whoever reads with a program gets all columns, and whole texts. */
static void layout_make(Layout *layout, json_object *rows, size_t n, const Column *columns)
{
    bool fitted = on_terminal() && n > 0;
    size_t taken;

    *layout = (Layout){.fold = SIZE_MAX};
    for (size_t i = 0; columns[i].title && layout->n < COLUMNS_MAX; i++) {
        size_t width = width_of(rows, n, &columns[i], !columns[i + 1].title);

        if (width == 0 && fitted)
            continue;
        layout->widths[layout->n] = width;
        layout->columns[layout->n++] = &columns[i];
    }
    if (!fitted || layout->n == 0)
        return;
    while (layout_width(layout, layout->n) > terminal_width() + 1 && layout_drop(layout))
        ;
    taken = layout_width(layout, layout->n - 1);
    layout->fold = FOLD_MIN;
    if (terminal_width() > taken + FOLD_MIN)
        layout->fold = terminal_width() - taken;
}

/* Breaks lines between words. */
static void fold_words(char *text, size_t width)
{
    char *line = text, *space = NULL;

    for (char *c = text; *c; c++) {
        if (*c == ' ')
            space = c;
        if ((size_t)(c - line) < width || !space)
            continue;
        *space = '\n';
        line = space + 1;
        space = NULL;
    }
}

static int add_columns(struct libscols_table *table, const Layout *layout)
{
    for (size_t i = 0; i < layout->n; i++) {
        const Column *column = layout->columns[i];
        bool last = i + 1 == layout->n;
        struct libscols_column *added = scols_table_new_column(
                table, column->title, 0, flags_of(column->kind) | (last ? SCOLS_FL_WRAP : 0));

        if (!added)
            return -ENOMEM;
        if (last && (scols_column_set_safechars(added, "\n") < 0 ||
                            scols_column_set_wrapfunc(added, scols_wrapnl_chunksize,
                                    scols_wrapnl_nextchunk, NULL) < 0))
            return -EINVAL;
    }
    return 0;
}

static int add_row(struct libscols_table *table, json_object *row, const Layout *layout)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char text[TEXT_MAX];

    if (!line)
        return -ENOMEM;
    for (size_t i = 0; i < layout->n; i++) {
        const Column *column = layout->columns[i];

        cell(row, column, text, sizeof(text));
        if (i + 1 == layout->n)
            fold_words(text, layout->fold);
        if (scols_line_set_data(line, i, text) < 0)
            return -ENOMEM;
        if (column->kind == COLUMN_ACTION && colour_of_action(text)[0])
            scols_cell_set_color(scols_line_get_cell(line, i), colour_of_action(text));
    }
    return 0;
}

int table_print(const Ctl *ctl, json_object *rows, const Column *columns, size_t max)
{
    _cleanup_(table_unref) struct libscols_table *table = scols_new_table();
    size_t all = json_object_array_length(rows), n = max == 0 ? all : MIN_OF(max, all);
    Layout layout;
    int r;

    layout_make(&layout, rows, n, columns);
    r = table ? add_columns(table, &layout) : -ENOMEM;
    for (size_t i = 0; i < n && r >= 0; i++)
        r = add_row(table, json_object_array_get_idx(rows, i), &layout);
    if (r < 0)
        return r;
    scols_table_enable_colors(table, in_colour());
    if (on_terminal()) { /* also where the pager has stdout */
        scols_table_set_termwidth(table, terminal_width());
        scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
    }
    scols_table_enable_noheadings(table, ctl->no_legend);
    return scols_print_table(table) < 0 ? -EIO : 0;
}

/* --- JSON */

static size_t plain_run(const char *text)
{
    size_t n = 0;

    while ((text[n] >= 0x20 && text[n] < 0x7f) || text[n] == '\n')
        n++;
    return n;
}

/* Of a character of so many bytes. All behind U+FFFF are printable. */
static void put_escaped(const char *text, size_t size)
{
    uint32_t code = (unsigned char)text[0];

    if (size > 1)
        code &= 0xffU >> (size + 1);
    for (size_t i = 1; i < size; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    printf("\\u%04" PRIx32, code & 0xffff);
}

/* One that isn't plain. Returns its bytes. */
static size_t put_character(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t size = strnlen(text, first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);
    char one[5] = "";

    memcpy(one, text, size);
    if (text_is_printable(one))
        fputs(one, stdout);
    else if (first < 0x20) /* in JSON it is only between two values */
        putchar(' ');
    else
        put_escaped(one, size);
    return size;
}

void json_print_text(const char *text)
{
    while (*text) {
        size_t run = plain_run(text);

        fwrite(text, 1, run, stdout);
        text += run;
        if (*text)
            text += put_character(text);
    }
    putchar('\n');
}

void json_print(json_object *object)
{
    json_print_text(json_object_to_json_string_ext(object,
            JSON_C_TO_STRING_NOSLASHESCAPE | (on_terminal() ? JSON_C_TO_STRING_PRETTY : 0)));
}
