/* SPDX-License-Identifier: MIT */
/* The single path, top to bottom in control_submit(): parse, validate, no-op?, authorise, apply.
 * What comes after (persist, tell, reply) is persist.c's. */

#include "base/clock.h"
#include "control/wish.h"

#include <inttypes.h>
#include <string.h>
#include <utlist.h>

static void wish_done(Wish *wish)
{
    list_entry_unref(wish->entry);
}

/* --- apply */

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

static void set_deadline(ListEntry *entry, uint64_t sec, const StoreClock *now)
{
    if (sec == 0)
        return;
    entry->expires_boottime_ns = now->boottime_ns + sec * NSEC_PER_SEC;
    entry->expires_wall_ns = now->wall_ns + sec * NSEC_PER_SEC;
}

/* The entry as it is, but to stay. */
static int make_confirmed(Wish *wish, const StoreClock *now)
{
    const ListEntry *current = wish->current;

    wish->entry = list_entry_new(&wish->prefix, current->by, current->comment, current->origin);
    if (!wish->entry)
        return -ENOMEM;
    wish->entry->added_wall_ns = current->added_wall_ns;
    wish->entry->slot = current->slot;
    set_deadline(wish->entry, current->confirmed_ttl_sec, now);
    return 0;
}

/* No comment given leaves the one that is there. */
static int make_added(Control *control, Wish *wish, const StoreClock *now)
{
    const Command *command = wish->command;
    const char *comment = wish->current ? wish->current->comment : "";
    char by[LIST_BY_MAX];
    int r = 0;

    describe_caller(&command->caller, by, sizeof(by));
    if (command->comment)
        comment = command->comment;
    wish->entry = list_entry_new(&wish->prefix, by, comment, command_origin(command));
    if (!wish->entry)
        return -ENOMEM;
    wish->entry->added_wall_ns = now->wall_ns;
    wish->entry->unconfirmed = command->confirm_sec > 0;
    if (wish->entry->unconfirmed)
        wish->entry->confirmed_ttl_sec = command->ttl_sec;
    set_deadline(
            wish->entry, wish->entry->unconfirmed ? command->confirm_sec : command->ttl_sec, now);
    if (wish->current)
        wish->entry->slot = wish->current->slot;
    else
        r = slot_pool_take(&control->slots, &wish->entry->slot);
    return r;
}

/* What a manual entry hid comes back when it goes; the kernel need not be told. */
static int make_entry(Control *control, Wish *wish, const StoreClock *now)
{
    switch (wish->command->verb) {
    case COMMAND_ADD:
        return make_added(control, wish, now);
    case COMMAND_CONFIRM:
        return make_confirmed(wish, now);
    default:
        wish->entry = feeds_instead_of(control, wish->command->list, wish->current);
        return 0;
    }
}

static int make_edit(Control *control, Wish *wish, const StoreClock *now, Edit **ret)
{
    EditKind kind;
    Edit *edit;
    int r = make_entry(control, wish, now);

    if (r == -ENOSPC)
        return wish_refuse(
                wish, CONTROL_BUSY, "too many removals wait for the disk; try again later");
    if (r < 0)
        return wish_refuse(wish, CONTROL_KERNEL, "could not prepare the entry: %s", strerror(-r));
    kind = !wish->entry ? EDIT_REMOVE : wish->current ? EDIT_CHANGE : EDIT_ADD;
    edit = edit_new(kind, wish->command->list, &wish->prefix, wish->current, wish->entry);
    if (!edit) {
        if (kind == EDIT_ADD)
            slot_pool_return(&control->slots, wish->entry->slot);
        return wish_refuse(wish, CONTROL_KERNEL, "out of memory");
    }
    edit->caller = wish->command->caller;
    *ret = edit;
    return 0;
}

static int refuse_kernel(Wish *wish, int r)
{
    if (r == -ENOSPC)
        return wish_refuse(wish, CONTROL_LIMIT_REACHED, "the %s is full in the kernel",
                list_name(wish->command->list));
    return wish_refuse(wish, CONTROL_KERNEL, "the kernel refused the change: %s", strerror(-r));
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

/* --- the path */

static int reply(const Wish *wish, CommandDoneFn done, void *userdata)
{
    CommandResult result = {.error = wish->error,
            .message = wish->error == CONTROL_OK ? NULL : wish->message,
            .address = wish->address[0] ? wish->address : NULL};

    if (done)
        done(&result, userdata);
    return 0;
}

/* What the list says may rest on what isn't durable yet: then so does this answer. */
static int reply_noop(Control *control, Wish *wish, CommandDoneFn done, void *userdata)
{
    Edit *edit;

    if (!control->edits && !control->writing && !control->unsaved)
        return reply(wish, done, userdata);
    if (control->n_nothing >= NOTHING_MAX) {
        wish_refuse(wish, CONTROL_BUSY, "too many others wait for the disk: try again later");
        return reply(wish, done, userdata);
    }
    edit = edit_new(EDIT_NOTHING, wish->command->list, &wish->prefix, NULL, NULL);
    if (!edit)
        return reply(wish, done, userdata);
    edit->done = done;
    edit->userdata = userdata;
    persist_join(control, edit);
    persist_kick(control);
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
    wish_refuse(wish, CONTROL_DENIED, "you may not change the %s", list_name(wish->command->list));
    return -EACCES;
}

int control_submit(Control *control, const Command *command, AuthoriseFn authorise,
        CommandDoneFn done, void *userdata)
{
    _cleanup_(wish_done) Wish wish = {.command = command};
    StoreClock now = control->clock();
    Edit *edit = NULL, *chain = NULL;
    int r = wish_parse(&wish);

    if (r >= 0)
        r = wish_validate(control, &wish);
    if (r >= 0 && wish_is_noop(&wish, now.boottime_ns))
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
