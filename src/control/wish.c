/* SPDX-License-Identifier: MIT */
#include "control/wish.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

/* Two deadlines that differ by less are the same wish, uttered twice. */
#define SAME_DEADLINE_NS NSEC_PER_SEC
#define ECHO_MAX         64 /* of a user's text in a message */

int wish_refuse(Wish *wish, ControlError error, const char *format, ...)
{
    va_list arguments;

    wish->error = error;
    va_start(arguments, format);
    vsnprintf(wish->message, sizeof(wish->message), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* --- parse, validate */

int wish_parse(Wish *wish)
{
    const char *text = wish->command->address ? wish->command->address : "";
    PrefixError error;

    if (prefix_parse(text, &wish->prefix, &error) >= 0) {
        prefix_format(&wish->prefix, wish->address);
        return 0;
    }
    if (text[0] && strlen(text) < ECHO_MAX && text_is_printable(text))
        return wish_refuse(
                wish, CONTROL_INVALID_ADDRESS, "%s: %s", text, prefix_error_message(error));
    return wish_refuse(wish, CONTROL_INVALID_ADDRESS, "%s", prefix_error_message(error));
}

static bool is_text(const char *text)
{
    return !text || (strlen(text) < LIST_COMMENT_MAX && text_is_printable(text));
}

static int validate_options(Wish *wish)
{
    const Command *command = wish->command;

    if (command->ttl_sec > LIST_TTL_MAX_SEC)
        return wish_refuse(wish, CONTROL_INVALID_OPTION,
                "the time limit (ttl) may be at most %llu seconds, ten years", LIST_TTL_MAX_SEC);
    if (command->confirm_sec > LIST_CONFIRM_MAX_SEC)
        return wish_refuse(wish, CONTROL_INVALID_OPTION,
                "the time to confirm may be at most %d seconds, a day", LIST_CONFIRM_MAX_SEC);
    if (command->confirm_sec > 0 && wish->current && !wish->current->unconfirmed)
        return wish_refuse(wish, CONTROL_INVALID_OPTION,
                "%s is on the %s already and needs no confirmation: leave out confirm",
                wish->address, list_name(command->list));
    if (!is_text(command->comment) || !is_text(command->origin))
        return wish_refuse(wish, CONTROL_INVALID_OPTION,
                "the comment must be one line of printable text of at most %d bytes",
                LIST_COMMENT_MAX - 1);
    return 0;
}

static int validate_protected(Control *control, Wish *wish)
{
    char hit_text[ADDRESS_TEXT_MAX];
    ProtectReason reason;
    Address hit;

    if (wish->command->list != LIST_BLACKLIST || wish->command->force)
        return 0;
    control_update_protected(control);
    reason = protected_check(control->protected, &wish->prefix, &hit);
    if (reason == PROTECT_NONE)
        return 0;
    if (prefix_is_single(&wish->prefix))
        return wish_refuse(wish, CONTROL_PROTECTED,
                "%s is %s; to blacklist it all the same, set the option force", wish->address,
                protect_reason_name(reason));
    return wish_refuse(wish, CONTROL_PROTECTED,
            "%s contains %s, %s; to blacklist it all the same, set the option force", wish->address,
            address_format(&hit, hit_text), protect_reason_name(reason));
}

int wish_validate(Control *control, Wish *wish)
{
    const List *list = control->lists[wish->command->list];
    bool adds = wish->command->verb == COMMAND_ADD;
    int r = 0;

    wish->current = list_get(list, &wish->prefix);
    if (wish->command->verb == COMMAND_REMOVE && wish->current && wish->current->from_feed)
        return wish_refuse(wish, CONTROL_FROM_FEED,
                "%s is on the %s by the feed %s: take it out of that file%s", wish->address,
                list_name(wish->command->list), wish->current->origin,
                wish->command->list == LIST_BLACKLIST ? ", or put it on the whitelist" : "");
    if (wish->command->verb == COMMAND_CONFIRM && !wish->current)
        return wish_refuse(wish, CONTROL_NOT_LISTED,
                "%s is not on the %s: its time to be confirmed may be over", wish->address,
                list_name(wish->command->list));
    if (adds)
        r = validate_options(wish);
    if (r >= 0 && adds)
        r = validate_protected(control, wish);
    if (r < 0)
        return r;
    if (adds && !wish->current && list_count(list) >= list_capacity(list))
        return wish_refuse(wish, CONTROL_LIMIT_REACHED,
                "the %s is full: it holds %zu entries, all that lists.capacity allows",
                list_name(wish->command->list), list_capacity(list));
    if (control->n_edits >= EDITS_MAX)
        return wish_refuse(
                wish, CONTROL_BUSY, "too many changes wait for the disk; try again later");
    return 0;
}

/* --- no-op? */

const char *command_origin(const Command *command)
{
    return command->origin ? command->origin : ORIGIN_MANUAL;
}

static bool is_manual(const char *origin)
{
    return strcmp(origin, ORIGIN_MANUAL) == 0;
}

/* A feed never takes over what somebody else put there; a person takes over what a feed did. */
static bool changes_origin(const Command *command, const ListEntry *current)
{
    return is_manual(command_origin(command)) && !is_manual(current->origin);
}

static bool changes_deadline(const Command *command, const ListEntry *current, uint64_t now_ns)
{
    uint64_t wanted_ns = now_ns + command->ttl_sec * NSEC_PER_SEC, have_ns;

    have_ns = current->expires_boottime_ns;
    if (command->ttl_sec == 0 || have_ns == 0)
        return command->ttl_sec != 0 || have_ns != 0;
    return MAX_OF(wanted_ns, have_ns) - MIN_OF(wanted_ns, have_ns) >= SAME_DEADLINE_NS;
}

bool wish_is_noop(const Wish *wish, uint64_t now_ns)
{
    const Command *command = wish->command;
    const ListEntry *current = wish->current;

    if (command->verb == COMMAND_REMOVE)
        return !current;
    if (command->verb == COMMAND_CONFIRM)
        return !current->unconfirmed;
    if (!current)
        return false;
    if (!is_manual(command_origin(command)) &&
            strcmp(command_origin(command), current->origin) != 0)
        return true;
    if (command->confirm_sec > 0 || current->unconfirmed)
        return false;
    return !changes_origin(command, current) && !changes_deadline(command, current, now_ns) &&
           (!command->comment || strcmp(command->comment, current->comment) == 0);
}
