/* SPDX-License-Identifier: MIT */
#include "ctl/ctl.h"

#include "base/clock.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <time.h>

bool on_terminal(void)
{
    static int known = -1;
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");

    if (known < 0)
        known = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) &&
                !(term && strcmp(term, "dumb") == 0);
    return known;
}

const char *colour_of_action(const char *action)
{
    static const char *const colours[][2] = {
            {"DROP", "\033[31m"}, {"SKIP", "\033[32m"}, {"SSH", "\033[36m"}};

    for (size_t i = 0; on_terminal() && i < ELEMENTSOF(colours); i++)
        if (strcmp(action, colours[i][0]) == 0)
            return colours[i][1];
    return "";
}

/* --- one value
 * --------------------------------------------------------------------------------------- */

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

/* What comes from elsewhere must not steer the terminal. */
static void without_control_characters(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
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

/* --- tables
 * ------------------------------------------------------------------------------------------ */

static void table_unref(struct libscols_table **table)
{
    scols_unref_table(*table);
}

static int flags_of(ColumnKind kind)
{
    return kind == COLUMN_TEXT || kind == COLUMN_TIME || kind == COLUMN_ACTION ? 0 : SCOLS_FL_RIGHT;
}

static int add_columns(struct libscols_table *table, const Column *columns)
{
    for (size_t i = 0; columns[i].title; i++) {
        bool last = !columns[i + 1].title;
        int flags = flags_of(columns[i].kind) | (last ? SCOLS_FL_TRUNC : 0);

        if (!scols_table_new_column(table, columns[i].title, 0, flags))
            return -ENOMEM;
    }
    return 0;
}

static int add_row(struct libscols_table *table, json_object *row, const Column *columns)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char text[512];

    if (!line)
        return -ENOMEM;
    for (size_t i = 0; columns[i].title; i++) {
        json_object *value = json_object_object_get(row, columns[i].key);

        format_value(columns[i].kind, value, text, sizeof(text));
        if (scols_line_set_data(line, i, text) < 0)
            return -ENOMEM;
        if (columns[i].kind == COLUMN_ACTION && colour_of_action(text)[0])
            scols_cell_set_color(scols_line_get_cell(line, i), colour_of_action(text));
    }
    return 0;
}

int table_print(const Ctl *ctl, json_object *rows, const Column *columns, size_t max)
{
    _cleanup_(table_unref) struct libscols_table *table = scols_new_table();
    size_t n = json_object_array_length(rows);
    int r = table ? add_columns(table, columns) : -ENOMEM;

    for (size_t i = 0; i < n && (max == 0 || i < max) && r >= 0; i++)
        r = add_row(table, json_object_array_get_idx(rows, i), columns);
    if (r < 0)
        return r;
    scols_table_enable_colors(table, on_terminal());
    scols_table_enable_noheadings(table, ctl->no_legend);
    return scols_print_table(table) < 0 ? -EIO : 0;
}

void json_print(json_object *object)
{
    puts(json_object_to_json_string_ext(object,
            JSON_C_TO_STRING_NOSLASHESCAPE | (on_terminal() ? JSON_C_TO_STRING_PRETTY : 0)));
}
