/* SPDX-License-Identifier: MIT */
/* block, allow and their opposites; lists; why. */

#include "ctl/ctl.h"

#include <poll.h>
#include <string.h>

/* --- changes
 * ---------------------------------------------------------------------------------------- */

static const char *name_of(const char *interface)
{
    return strcmp(interface, BLACKLIST) == 0 ? "blacklist" : "whitelist";
}

static bool changed(json_object *reply)
{
    return json_object_get_boolean(json_object_array_get_idx(reply, 0));
}

static int add_to_result(json_object *result, const char *address, bool change)
{
    json_object *row = json_object_new_object();

    if (!row || json_add_string(row, "ip", address) < 0 ||
            json_add_bool(row, "changed", change) < 0) {
        json_object_put(row);
        return -ENOMEM;
    }
    return json_append(result, row);
}

static int append_options(const Ctl *ctl, sd_bus_message *m)
{
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    if (r >= 0 && ctl->for_sec > 0)
        r = sd_bus_message_append(m, "{sv}", "ttl", "t", ctl->for_sec);
    if (r >= 0 && ctl->comment)
        r = sd_bus_message_append(m, "{sv}", "comment", "s", ctl->comment);
    if (r >= 0 && ctl->force)
        r = sd_bus_message_append(m, "{sv}", "force", "b", 1);
    if (r >= 0 && ctl->confirm_sec > 0)
        r = sd_bus_message_append(m, "{sv}", "confirm", "t", ctl->confirm_sec);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int add_one(Ctl *ctl, const char *interface, const char *address, json_object **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    int r = ctl_message(ctl, interface, "AddWithOptions", &m);

    if (r < 0)
        return r;
    r = sd_bus_message_append(m, "s", address);
    if (r >= 0)
        r = append_options(ctl, m);
    return r < 0 ? ctl_fail(ctl, CTL_FAILED, "%s: %s", address, strerror(-r))
                 : ctl_send(ctl, true, m, ret);
}

static void say(const Ctl *ctl, const char *address, const char *what, const char *list)
{
    if (!ctl->json)
        printf("%s%s%s %s the %s\n", COLOUR_BOLD, address, COLOUR_NONE, what, list);
}

typedef int (*OneFn)(Ctl *ctl, const char *interface, const char *address, json_object **ret);

/* All of them, also after one failed; the first failure counts. */
static int each(Ctl *ctl, const char *interface, OneFn one, const char *done, const char *nothing)
{
    _cleanup_json_ json_object *result = json_object_new_array();
    int failed = 0;

    for (int i = 0; i < ctl->n_arguments; i++) {
        _cleanup_json_ json_object *reply = NULL;
        const char *address = ctl->arguments[i];
        int r = one(ctl, interface, address, &reply);

        if (r < 0) {
            failed = failed < 0 ? failed : r;
            continue;
        }
        say(ctl, address, changed(reply) ? done : nothing, name_of(interface));
        if (!result || add_to_result(result, address, changed(reply)) < 0)
            return ctl_fail(ctl, CTL_FAILED, "out of memory");
    }
    if (ctl->json)
        json_print(result);
    return failed;
}

static int confirm_one(Ctl *ctl, const char *interface, const char *address, json_object **ret)
{
    return ctl_call(ctl, true, interface, "Confirm", ret, "s", address);
}

static int remove_one(Ctl *ctl, const char *interface, const char *address, json_object **ret)
{
    return ctl_call(ctl, true, interface, "Remove", ret, "s", address);
}

/* On a terminal whoever made the change is asked there: if he can't answer, it heals. */
static int ask_to_confirm(Ctl *ctl, const char *interface)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    const char *verb = strcmp(interface, BLACKLIST) == 0 ? "" : " --whitelist";

    if (ctl->json)
        return 0;
    if (!isatty(STDIN_FILENO)) {
        printf("It goes again in %llu s, unless you keep it: ntcctl confirm%s %s\n",
                (unsigned long long)ctl->confirm_sec, verb, ctl->arguments[0]);
        return 0;
    }
    printf("Press Enter within %llu s to keep it: ", (unsigned long long)ctl->confirm_sec);
    fflush(stdout);
    if (poll(&input, 1, (int)(ctl->confirm_sec * 1000)) > 0 && getchar() == '\n')
        return each(ctl, interface, confirm_one, "stays on", "was kept already on");
    printf("\nIt is gone again.\n");
    return 0;
}

static int add_all(Ctl *ctl, const char *interface)
{
    int r = each(ctl, interface, add_one, "is now on", "was already on");

    return r >= 0 && ctl->confirm_sec > 0 ? ask_to_confirm(ctl, interface) : r;
}

int verb_block(Ctl *ctl)
{
    return add_all(ctl, BLACKLIST);
}

int verb_allow(Ctl *ctl)
{
    return add_all(ctl, WHITELIST);
}

int verb_unblock(Ctl *ctl)
{
    return each(ctl, BLACKLIST, remove_one, "is no longer on", "is not on");
}

int verb_disallow(Ctl *ctl)
{
    return each(ctl, WHITELIST, remove_one, "is no longer on", "is not on");
}

int verb_confirm(Ctl *ctl)
{
    return each(ctl, ctl->whitelist ? WHITELIST : BLACKLIST, confirm_one, "stays on",
            "was kept already on");
}

/* --- lists
 * ------------------------------------------------------------------------------------------- */

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

static int append_list(Ctl *ctl, const char *interface, json_object *rows)
{
    _cleanup_json_ json_object *reply = NULL;
    int r = ctl_call(ctl, false, interface, "List", &reply, NULL);
    json_object *entries = r < 0 ? NULL : json_object_array_get_idx(reply, 0);
    size_t n = entries ? json_object_array_length(entries) : 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        json_object *row = row_of(json_object_array_get_idx(entries, i), 0, name_of(interface));

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
        {"BYTES", "bytes", COLUMN_BYTES},
        {"ADDED", "added", COLUMN_TIME},
        {"EXPIRES", "expires", COLUMN_TIME},
        {"BY", "by", COLUMN_TEXT},
        {"ORIGIN", "origin", COLUMN_TEXT},
        {"COMMENT", "comment", COLUMN_TEXT},
        {},
};

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
    if (!ctl->no_legend)
        printf("\n%zu %s.\n", n, n == 1 ? "entry" : "entries");
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
        r = append_list(ctl, BLACKLIST, rows);
    if (r >= 0 && (!which || strcmp(which, "whitelist") == 0))
        r = append_list(ctl, WHITELIST, rows);
    if (r < 0)
        return r;
    pager_open(ctl);
    return print_entries(ctl, rows);
}

/* --- why
 * --------------------------------------------------------------------------------------------- */

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
