/* SPDX-License-Identifier: MIT */
/* org.ntc.Blacklist and org.ntc.Whitelist. A wish is parsed and validated before anybody is asked
 * for permission: control calls authorise() in between. While that asks polkit the message is put
 * aside, and when it comes again the wish is submitted anew.
 *
 * A ListCall waits from then on until the change is durable. Invariant: it is in server->calls
 * exactly as long as control may call its `on_done`. */

#include "bus/bus-internal.h"
#include "bus/options.h"

#include "base/clock.h"

#include <string.h>
#include <utlist.h>

#define ERROR_PREFIX "org.ntc.Error."
/* A message of the bus may have 32 MiB; above this the reader is sent to HTTP, which has pages. */
#define LIST_REPLY_BYTES_MAX (24UL << 20)
#define ENTRY_BYTES          320 /* of one entry's description without its texts, rounded up */

typedef struct ListCall {
    struct ListCall *prev, *next; /* utlist */
    BusServer *server;
    ListId list;
    sd_bus_message *call; /* a reference */
    sd_bus_error denied;  /* what to answer if permission is refused */
} ListCall;

const char *list_interface(ListId list)
{
    return list == LIST_BLACKLIST ? INTERFACE_BLACKLIST : INTERFACE_WHITELIST;
}

/* --- changes */

static ListCall *list_call_new(const ListObject *object, sd_bus_message *m)
{
    ListCall *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    call->server = object->server;
    call->list = object->list;
    call->call = sd_bus_message_ref(m);
    DL_APPEND(object->server->calls, call);
    return call;
}

static void list_call_free(ListCall *call)
{
    DL_DELETE(call->server->calls, call);
    sd_bus_message_unref(call->call);
    sd_bus_error_free(&call->denied);
    free(call);
}

void list_calls_forget(BusServer *server)
{
    while (server->calls) {
        control_forget(server->context.control, server->calls);
        list_call_free(server->calls);
    }
}

static int authorise(const Command *command, const Prefix *prefix, void *userdata)
{
    ListCall *call = userdata;

    return guard_call(call->server, call->call, list_name(command->list), prefix, &call->denied);
}

static const char *error_name(ControlError error)
{
    switch (error) {
    case CONTROL_INVALID_ADDRESS:
        return ERROR_PREFIX "InvalidAddress";
    case CONTROL_INVALID_OPTION:
        return SD_BUS_ERROR_INVALID_ARGS;
    case CONTROL_LIMIT_REACHED:
        return ERROR_PREFIX "LimitReached";
    case CONTROL_PROTECTED:
        return ERROR_PREFIX "Protected";
    case CONTROL_FROM_FEED:
        return ERROR_PREFIX "FromFeed";
    case CONTROL_NOT_LISTED:
        return ERROR_PREFIX "NotListed";
    case CONTROL_STORAGE:
        return ERROR_PREFIX "Storage";
    case CONTROL_BUSY:
        return SD_BUS_ERROR_LIMITS_EXCEEDED;
    case CONTROL_DENIED:
        return SD_BUS_ERROR_ACCESS_DENIED;
    default:
        return SD_BUS_ERROR_FAILED;
    }
}

/* A reply that can't be sent has nobody who waits for it. */
static void on_done(const CommandResult *result, void *userdata)
{
    ListCall *call = userdata;

    if (result->error == CONTROL_OK)
        sd_bus_reply_method_return(call->call, "b", (int)result->changed);
    else if (result->error == CONTROL_DENIED && sd_bus_error_is_set(&call->denied))
        sd_bus_reply_method_error(call->call, &call->denied);
    else
        sd_bus_reply_method_errorf(call->call, error_name(result->error), "%s", result->message);
    list_call_free(call);
}

static int submit(const ListObject *object, sd_bus_message *m, Command *command)
{
    BusServer *server = object->server;
    ListCall *call = list_call_new(object, m);

    if (!call) {
        polkit_settle(server->polkit, m);
        return -ENOMEM;
    }
    command->list = object->list;
    command->caller = (Caller){.transport = TRANSPORT_DBUS, .uid = polkit_uid(server->polkit, m)};
    if (control_submit(server->context.control, command, authorise, on_done, call) == -EINPROGRESS)
        list_call_free(call);
    polkit_settle(server->polkit, m);
    return 1;
}

static int method_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Command command = {.verb = COMMAND_ADD};
    int r = sd_bus_message_read(m, "s", &command.address);

    return r < 0 ? r : submit(userdata, m, &command);
}

static int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Command command = {.verb = COMMAND_REMOVE};
    int r = sd_bus_message_read(m, "s", &command.address);

    return r < 0 ? r : submit(userdata, m, &command);
}

static int method_confirm(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Command command = {.verb = COMMAND_CONFIRM};
    int r = sd_bus_message_read(m, "s", &command.address);

    return r < 0 ? r : submit(userdata, m, &command);
}

static int method_add_with_options(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Command command = {.verb = COMMAND_ADD};
    int r = sd_bus_message_read(m, "s", &command.address);

    if (r >= 0)
        r = options_read(m, &command, error);
    return r < 0 ? r : submit(userdata, m, &command);
}

/* --- reading */

int append_entry_options(sd_bus_message *m, const Control *control, const ListEntry *entry)
{
    Count hits = control_hits(control, entry);
    char added[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}", "added", "s",
                time_format_rfc3339(entry->added_wall_ns, added), "by", "s", entry->by, "comment",
                "s", entry->comment, "origin", "s", entry->origin, "packets", "t", hits.packets,
                "bytes", "t", hits.bytes);
    if (r >= 0 && entry->expires_wall_ns)
        r = sd_bus_message_append(
                m, "{sv}", "expires", "s", time_format_rfc3339(entry->expires_wall_ns, expires));
    if (r >= 0 && entry->unconfirmed)
        r = sd_bus_message_append(m, "{sv}", "unconfirmed", "b", 1);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_entry(sd_bus_message *m, const Control *control, const ListEntry *entry)
{
    char address[PREFIX_TEXT_MAX];
    int r = sd_bus_message_open_container(m, 'r', "sa{sv}");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", prefix_format(&entry->prefix, address));
    if (r >= 0)
        r = append_entry_options(m, control, entry);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static size_t reply_bytes(const List *list)
{
    size_t bytes = 0;

    for (const ListEntry *e = list_first(list); e; e = list_next(list, e))
        bytes += ENTRY_BYTES + strlen(e->by) + strlen(e->comment) + strlen(e->origin);
    return bytes;
}

static int reserve_reply(const ListObject *object, const List *list, sd_bus_error *error)
{
    size_t bytes = reply_bytes(list);

    if (bytes > LIST_REPLY_BYTES_MAX)
        return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                "the %s is too long for one message; read it in pages over HTTP (GET /%s)",
                list_name(object->list), list_name(object->list));
    return bus_reserve(object->server, bytes, error);
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const ListObject *object = userdata;
    const Control *control = object->server->context.control;
    const List *list = control_list(control, object->list);
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = guard_call(object->server, m, NULL, NULL, error);

    if (r <= 0)
        return r < 0 ? r : 1;
    r = reserve_reply(object, list, error);
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sa{sv})");
    for (const ListEntry *e = list_first(list); e && r >= 0; e = list_next(list, e))
        r = append_entry(reply, control, e);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int property_count(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const ListObject *object = userdata;
    const List *list = control_list(object->server->context.control, object->list);

    return sd_bus_message_append(reply, "u", (uint32_t)list_count(list));
}

static int property_capacity(sd_bus *bus, const char *path, const char *interface,
        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const ListObject *object = userdata;
    const List *list = control_list(object->server->context.control, object->list);

    return sd_bus_message_append(reply, "u", (uint32_t)list_capacity(list));
}

const sd_bus_vtable list_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Count", "u", property_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Capacity", "u", property_capacity, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", address), SD_BUS_RESULT("b", changed),
                method_add, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AddWithOptions", SD_BUS_ARGS("s", address, "a{sv}", options),
                SD_BUS_RESULT("b", changed), method_add_with_options, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", address), SD_BUS_RESULT("b", changed),
                method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Confirm", SD_BUS_ARGS("s", address), SD_BUS_RESULT("b", changed),
                method_confirm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sa{sv})", entries),
                method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Added", SD_BUS_ARGS("s", address, "a{sv}", entry), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Removed", SD_BUS_ARGS("s", address), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Expired", SD_BUS_ARGS("s", address), 0),
        SD_BUS_VTABLE_END,
};
