/* SPDX-License-Identifier: MIT */
/* The single path, top to bottom in control_submit(): parse, validate, no-op?, authorise, apply.
 * What comes after (persist, tell, reply) is persist.c's. Each step either lets the wish pass (0)
 * or leaves the answer in it and returns a negative number. */

#include "base/clock.h"
#include "base/text.h"
#include "control/control-internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <utlist.h>

/* Two deadlines that differ by less are the same wish, uttered twice. */
#define SAME_DEADLINE_NS NSEC_PER_SEC
#define ECHO_MAX         64 /* of a user's text in a message */

typedef struct Wish {
    const Command *command;
    Prefix prefix;
    char address[PREFIX_TEXT_MAX]; /* "" until it was parsed */
    ListEntry *current;            /* on the list now; borrowed; NULL */
    ListEntry *entry;              /* to be put there; a reference; NULL */
    ControlError error;
    char message[512];
} Wish;

static void wish_done(Wish *wish)
{
    list_entry_unref(wish->entry);
}

static int _printf_(3, 4) refuse(Wish *wish, ControlError error, const char *format, ...)
{
    va_list arguments;

    wish->error = error;
    va_start(arguments, format);
    vsnprintf(wish->message, sizeof(wish->message), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* --- parse, validate
 * -------------------------------------------------------------------------------- */

static int parse(Wish *wish)
{
    const char *text = wish->command->address ? wish->command->address : "";
    PrefixError error;

    if (prefix_parse(text, &wish->prefix, &error) >= 0) {
        prefix_format(&wish->prefix, wish->address);
        return 0;
    }
    if (text[0] && strlen(text) < ECHO_MAX && text_is_printable(text))
        return refuse(wish, CONTROL_INVALID_ADDRESS, "%s: %s", text, prefix_error_message(error));
    return refuse(wish, CONTROL_INVALID_ADDRESS, "%s", prefix_error_message(error));
}

static bool is_text(const char *text)
{
    return !text || (strlen(text) < LIST_COMMENT_MAX && text_is_printable(text));
}

static int validate_options(Wish *wish)
{
    const Command *command = wish->command;

    if (command->ttl_sec > LIST_TTL_MAX_SEC)
        return refuse(wish, CONTROL_INVALID_OPTION,
                "the time limit (ttl) may be at most %llu seconds, ten years", LIST_TTL_MAX_SEC);
    if (!is_text(command->comment) || !is_text(command->origin))
        return refuse(wish, CONTROL_INVALID_OPTION,
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
        return refuse(wish, CONTROL_PROTECTED,
                "%s is %s; to blacklist it all the same, set the option force", wish->address,
                protect_reason_name(reason));
    return refuse(wish, CONTROL_PROTECTED,
            "%s contains %s, %s; to blacklist it all the same, set the option force", wish->address,
            address_format(&hit, hit_text), protect_reason_name(reason));
}

static int validate(Control *control, Wish *wish)
{
    const List *list = control->lists[wish->command->list];
    int r = 0;

    wish->current = list_get(list, &wish->prefix);
    if (wish->command->add)
        r = validate_options(wish);
    if (r >= 0 && wish->command->add)
        r = validate_protected(control, wish);
    if (r < 0)
        return r;
    if (wish->command->add && !wish->current && list_count(list) >= list_capacity(list))
        return refuse(wish, CONTROL_LIMIT_REACHED,
                "the %s is full: it holds %zu entries, all that lists.capacity allows",
                list_name(wish->command->list), list_capacity(list));
    if (control->n_edits >= EDITS_MAX)
        return refuse(wish, CONTROL_BUSY, "too many changes wait for the disk; try again later");
    return 0;
}

/* --- no-op?
 * ----------------------------------------------------------------------------------------- */

static const char *command_origin(const Command *command)
{
    return command->origin ? command->origin : "manual";
}

static bool is_manual(const char *origin)
{
    return strcmp(origin, "manual") == 0;
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

static bool is_noop(const Wish *wish, uint64_t now_ns)
{
    const Command *command = wish->command;
    const ListEntry *current = wish->current;

    if (!command->add)
        return !current;
    if (!current)
        return false;
    if (!is_manual(command_origin(command)) &&
            strcmp(command_origin(command), current->origin) != 0)
        return true;
    return !changes_origin(command, current) && !changes_deadline(command, current, now_ns) &&
           (!command->comment || strcmp(command->comment, current->comment) == 0);
}

/* --- apply
 * ------------------------------------------------------------------------------------------ */

static void describe_caller(const Caller *caller, char *buffer, size_t size)
{
    const char *transport = transport_name(caller->transport);

    if (caller->uid != UID_NONE)
        snprintf(buffer, size, "uid %" PRIu32 " over %s", caller->uid, transport);
    else if (caller->peer[0])
        snprintf(buffer, size, "%s over %s", caller->peer, transport);
    else
        snprintf(buffer, size, "%s", transport);
}

/* No comment given leaves the one that is there. */
static int make_entry(Control *control, Wish *wish, const StoreClock *now)
{
    const Command *command = wish->command;
    const char *comment = wish->current ? wish->current->comment : "";
    uint64_t ttl_ns = command->ttl_sec * NSEC_PER_SEC;
    char by[LIST_BY_MAX];
    int r = 0;

    describe_caller(&command->caller, by, sizeof(by));
    if (command->comment)
        comment = command->comment;
    wish->entry = list_entry_new(&wish->prefix, by, comment, command_origin(command));
    if (!wish->entry)
        return -ENOMEM;
    wish->entry->added_wall_ns = now->wall_ns;
    if (ttl_ns > 0) {
        wish->entry->expires_boottime_ns = now->boottime_ns + ttl_ns;
        wish->entry->expires_wall_ns = now->wall_ns + ttl_ns;
    }
    if (wish->current)
        wish->entry->slot = wish->current->slot;
    else
        r = slot_pool_take(&control->slots, &wish->entry->slot);
    return r;
}

static int make_edit(Control *control, Wish *wish, const StoreClock *now, Edit **ret)
{
    EditKind kind = EDIT_REMOVE;
    Edit *edit;
    int r;

    if (wish->command->add) {
        kind = wish->current ? EDIT_CHANGE : EDIT_ADD;
        r = make_entry(control, wish, now);
        if (r == -ENOSPC)
            return refuse(
                    wish, CONTROL_BUSY, "too many removals wait for the disk; try again later");
        if (r < 0)
            return refuse(wish, CONTROL_KERNEL, "could not prepare the entry: %s", strerror(-r));
    }
    edit = edit_new(kind, wish->command->list, &wish->prefix, wish->current, wish->entry);
    if (!edit) {
        if (kind == EDIT_ADD)
            slot_pool_return(&control->slots, wish->entry->slot);
        return refuse(wish, CONTROL_KERNEL, "out of memory");
    }
    edit->caller = wish->command->caller;
    *ret = edit;
    return 0;
}

static int refuse_kernel(Wish *wish, int r)
{
    if (r == -ENOSPC)
        return refuse(wish, CONTROL_LIMIT_REACHED, "the %s is full in the kernel",
                list_name(wish->command->list));
    return refuse(wish, CONTROL_KERNEL, "the kernel refused the change: %s", strerror(-r));
}

static int apply(Control *control, Wish *wish, const StoreClock *now, Edit **ret)
{
    _cleanup_(edit_freep) Edit *edit = NULL;
    Edit *chain = NULL;
    int r = make_edit(control, wish, now, &edit);

    if (r < 0)
        return r;
    DL_APPEND(chain, edit);
    r = edits_apply(control, chain);
    if (r < 0) {
        /* The kernel may have held it for a moment before it refused. */
        if (edit->kind == EDIT_ADD)
            slot_pool_release(&control->slots, edit->after->slot);
        return refuse_kernel(wish, r);
    }
    *ret = TAKE_PTR(edit);
    return 0;
}

/* --- the path
 * --------------------------------------------------------------------------------------- */

static int reply(const Wish *wish, CommandDoneFn done, void *userdata)
{
    CommandResult result = {.error = wish->error,
            .message = wish->error == CONTROL_OK ? NULL : wish->message,
            .address = wish->address[0] ? wish->address : NULL};

    if (done)
        done(&result, userdata);
    return 0;
}

/* What the list says may rest on edits that aren't durable yet: then so does this answer. */
static int reply_noop(Control *control, const Wish *wish, CommandDoneFn done, void *userdata)
{
    Edit *edit;

    if (!control->edits)
        return reply(wish, done, userdata);
    edit = edit_new(EDIT_NOTHING, wish->command->list, &wish->prefix, NULL, NULL);
    if (!edit)
        return reply(wish, done, userdata);
    edit->done = done;
    edit->userdata = userdata;
    persist_join(control, edit);
    return 0;
}

/* 0 = allowed, -EACCES with the answer, -EINPROGRESS. */
static int authorise_wish(Wish *wish, AuthoriseFn authorise, void *userdata)
{
    int r = authorise ? authorise(wish->command, &wish->prefix, userdata) : 1;

    if (r > 0)
        return 0;
    if (r == 0)
        return -EINPROGRESS;
    refuse(wish, CONTROL_DENIED, "you may not change the %s", list_name(wish->command->list));
    return -EACCES;
}

int control_submit(Control *control, const Command *command, AuthoriseFn authorise,
        CommandDoneFn done, void *userdata)
{
    _cleanup_(wish_done) Wish wish = {.command = command};
    StoreClock now = control->clock();
    Edit *edit, *chain = NULL;
    int r = parse(&wish);

    if (r >= 0)
        r = validate(control, &wish);
    if (r >= 0 && is_noop(&wish, now.boottime_ns))
        return reply_noop(control, &wish, done, userdata);
    if (r >= 0)
        r = authorise_wish(&wish, authorise, userdata);
    if (r == -EINPROGRESS)
        return r;
    if (r >= 0)
        r = apply(control, &wish, &now, &edit);
    if (r < 0)
        return reply(&wish, done, userdata);
    edit->done = done;
    edit->userdata = userdata;
    DL_APPEND(chain, edit);
    expiry_arm(control);
    persist_edits(control, chain);
    return 0;
}
