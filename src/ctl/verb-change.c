/* SPDX-License-Identifier: MIT */
/* block, allow and their opposites; confirm. */

#include "ctl/ctl.h"

#include <poll.h>
#include <string.h>

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

/* All of them, also after one failed; the first failure counts. *ret_good: how many did not. */
static int each(Ctl *ctl, const char *interface, OneFn one, const char *done, const char *nothing,
        int *ret_good)
{
    _cleanup_json_ json_object *result = json_object_new_array();
    int failed = 0;

    *ret_good = 0;
    for (int i = 0; i < ctl->n_arguments; i++) {
        _cleanup_json_ json_object *reply = NULL;
        const char *address = ctl->arguments[i];
        int r = one(ctl, interface, address, &reply);

        if (r < 0) {
            failed = failed < 0 ? failed : r;
            continue;
        }
        (*ret_good)++;
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

/* On a terminal whoever made the change is asked there: if he can't answer, it heals. `all`:
 * nothing failed, so that all can be confirmed at once. */
static int ask_to_confirm(Ctl *ctl, const char *interface, bool all)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    const char *verb = strcmp(interface, BLACKLIST) == 0 ? "" : " --whitelist";
    const char *it = ctl->n_arguments == 1 ? "it" : "them";
    int good;

    if (ctl->json)
        return 0;
    if (!all || !isatty(STDIN_FILENO)) {
        printf("What was added goes again in %llu s, unless you keep it: ntcctl confirm%s",
                (unsigned long long)ctl->confirm_sec, verb);
        for (int i = 0; i < ctl->n_arguments; i++)
            printf(" %s", ctl->arguments[i]);
        putchar('\n');
        return 0;
    }
    printf("Press Enter within %llu s to keep %s: ", (unsigned long long)ctl->confirm_sec, it);
    fflush(stdout);
    if (poll(&input, 1, (int)(ctl->confirm_sec * 1000)) > 0 && getchar() == '\n')
        return each(ctl, interface, confirm_one, "stays on", "was kept already on", &good);
    printf("\n%s gone again.\n", ctl->n_arguments == 1 ? "It is" : "They are");
    return 0;
}

static int add_all(Ctl *ctl, const char *interface)
{
    int good, asked = 0;
    int r = each(ctl, interface, add_one, "is now on", "was already on", &good);

    if (ctl->confirm_sec > 0 && good > 0)
        asked = ask_to_confirm(ctl, interface, r >= 0);
    return r < 0 ? r : asked;
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
    int good;

    return each(ctl, BLACKLIST, remove_one, "is no longer on", "is not on", &good);
}

int verb_disallow(Ctl *ctl)
{
    int good;

    return each(ctl, WHITELIST, remove_one, "is no longer on", "is not on", &good);
}

int verb_confirm(Ctl *ctl)
{
    int good;

    return each(ctl, ctl->whitelist ? WHITELIST : BLACKLIST, confirm_one, "stays on",
            "was kept already on", &good);
}
