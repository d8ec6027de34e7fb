/* SPDX-License-Identifier: MIT */
/* What the lists hold: lists, why. */

#include "ctl/ctl.h"

#include <string.h>

/* --- lists */

/* [address, {...}] -> {"ip": address, ...} */
static json_object *row_of(json_object *pair, size_t address_at, const char *list)
{
    json_object *row = json_object_get(json_object_array_get_idx(pair, address_at + 1));
    const char *address = json_object_get_string(json_object_array_get_idx(pair, address_at));

    if (row &&
            (json_add_string(row, "ip", address) < 0 || json_add_string(row, "list", list) < 0)) {
        json_object_put(row);
        return NULL;
    }
    return row;
}

static int append_list(Ctl *ctl, const char *interface, const char *list, json_object *rows)
{
    _cleanup_json_ json_object *reply = NULL;
    int r = ctl_call(ctl, false, interface, "List", &reply, NULL);
    json_object *entries = r < 0 ? NULL : json_object_array_get_idx(reply, 0);
    size_t n = entries ? json_object_array_length(entries) : 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        json_object *row = row_of(json_object_array_get_idx(entries, i), 0, list);

        r = row ? json_append(rows, row) : -ENOMEM;
        if (r < 0)
            return ctl_fail(ctl, CTL_FAILED, "out of memory");
    }
    return r;
}

static const Column entry_columns[] = {
        {"LIST", "list", COLUMN_TEXT},
        {"ADDRESS", "ip", COLUMN_TEXT},
        {"PACKETS", "packets", COLUMN_NUMBER},
        {"BYTES", "bytes", COLUMN_BYTES, 2},
        {"ADDED", "added", COLUMN_TIME, 4},
        {"EXPIRES", "expires", COLUMN_TIME, 1},
        {"BY", "by", COLUMN_TEXT, 3},
        {"ORIGIN", "origin", COLUMN_TEXT, 5},
        {"COMMENT", "comment", COLUMN_TEXT},
        {},
};

/* One that goes again unless it is confirmed, before its time limit. */
static void print_trial(json_object *row)
{
    char ip[96], list[16];

    if (!json_object_get_boolean(json_object_object_get(row, "unconfirmed")))
        return;
    format_value(COLUMN_TEXT, json_object_object_get(row, "ip"), ip, sizeof(ip));
    format_value(COLUMN_TEXT, json_object_object_get(row, "list"), list, sizeof(list));
    printf("%s waits to be kept: ntcctl confirm%s %s\n", ip,
            strcmp(list, "whitelist") == 0 ? " --whitelist" : "", ip);
}

static int print_entries(Ctl *ctl, json_object *rows)
{
    size_t n = json_object_array_length(rows);

    if (ctl->json) {
        json_print(rows);
        return 0;
    }
    if (n == 0) {
        if (!ctl->no_legend)
            puts("No entries.");
        return 0;
    }
    if (table_print(ctl, rows, entry_columns, 0) < 0)
        return ctl_fail(ctl, CTL_FAILED, "could not print the table");
    if (ctl->no_legend)
        return 0;
    printf("\n%zu %s.\n", n, n == 1 ? "entry" : "entries");
    for (size_t i = 0; i < n; i++)
        print_trial(json_object_array_get_idx(rows, i));
    return 0;
}

int verb_lists(Ctl *ctl)
{
    _cleanup_json_ json_object *rows = json_object_new_array();
    const char *which = ctl->n_arguments > 0 ? ctl->arguments[0] : NULL;
    int r = rows ? 0 : ctl_fail(ctl, CTL_FAILED, "out of memory");

    if (which && strcmp(which, "blacklist") != 0 && strcmp(which, "whitelist") != 0)
        return ctl_fail(ctl, CTL_USAGE, "which list? blacklist or whitelist, not %s", which);
    if (r >= 0 && (!which || strcmp(which, "blacklist") == 0))
        r = append_list(ctl, BLACKLIST, "blacklist", rows);
    if (r >= 0 && (!which || strcmp(which, "whitelist") == 0))
        r = append_list(ctl, WHITELIST, "whitelist", rows);
    if (r < 0)
        return r;
    pager_open(ctl);
    return print_entries(ctl, rows);
}

/* --- why */

static const char *verdict_words(const char *verdict)
{
    if (strcmp(verdict, "DROP") == 0)
        return "is dropped: it is on the blacklist";
    if (strcmp(verdict, "SKIP") == 0)
        return "passes whatever the blacklist says: it is on the whitelist";
    return "passes: it is on neither list";
}

static int print_why(Ctl *ctl, const char *address, json_object *reply, json_object *rows)
{
    const char *verdict = json_object_get_string(json_object_array_get_idx(reply, 0));
    const char *reason = json_object_get_string(json_object_array_get_idx(reply, 1));

    printf("%s%s%s %s%s%s\n", COLOUR_BOLD, address, COLOUR_NONE, colour_of_action(verdict),
            verdict_words(verdict), COLOUR_NONE);
    if (strcmp(verdict, "DROP") == 0)
        puts("  (TCP to and from the SSH ports gets through all the same.)");
    if (reason[0])
        printf("It is protected: %s. To blacklist it takes --force.\n", reason);
    if (json_object_array_length(rows) == 0)
        return 0;
    putchar('\n');
    return print_entries(ctl, rows);
}

static int print_why_json(Ctl *ctl, const char *address, json_object *reply, json_object *rows)
{
    _cleanup_json_ json_object *object = json_object_new_object();
    const char *reason = json_object_get_string(json_object_array_get_idx(reply, 1));

    if (!object || json_add_string(object, "ip", address) < 0 ||
            json_add_string(object, "verdict",
                    json_object_get_string(json_object_array_get_idx(reply, 0))) < 0 ||
            json_add_string(object, "protected", reason[0] ? reason : NULL) < 0 ||
            json_add_object(object, "entries", json_object_get(rows)) < 0)
        return ctl_fail(ctl, CTL_FAILED, "out of memory");
    json_print(object);
    return 0;
}

int verb_why(Ctl *ctl)
{
    _cleanup_json_ json_object *reply = NULL, *rows = json_object_new_array();
    const char *address = ctl->arguments[0];
    json_object *entries;
    int r = ctl_call(ctl, false, MANAGER, "Explain", &reply, "s", address);

    if (r < 0)
        return r;
    entries = json_object_array_get_idx(reply, 2);
    for (size_t i = 0; i < json_object_array_length(entries); i++) {
        json_object *entry = json_object_array_get_idx(entries, i);
        json_object *row =
                row_of(entry, 1, json_object_get_string(json_object_array_get_idx(entry, 0)));

        if (!rows || !row || json_append(rows, row) < 0)
            return ctl_fail(ctl, CTL_FAILED, "out of memory");
    }
    return ctl->json ? print_why_json(ctl, address, reply, rows)
                     : print_why(ctl, address, reply, rows);
}
