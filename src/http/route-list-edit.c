/* SPDX-License-Identifier: MIT */
/* Changes of /blacklist and /whitelist. A write is answered when it is durable: the Edit stands
 * between the request, which may go away first, and control, which answers in any case. Whoever
 * comes last frees it. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include "base/json.h"

#include <string.h>

#define JSON_DEPTH_MAX 4

typedef struct Edit {
    Request *request; /* NULL: gone */
    ListId list;
    CommandVerb verb;
} Edit;

static const unsigned error_status[_CONTROL_ERROR_MAX] = {
        [CONTROL_INVALID_ADDRESS] = 400,
        [CONTROL_INVALID_OPTION] = 400,
        [CONTROL_LIMIT_REACHED] = 409,
        [CONTROL_PROTECTED] = 409,
        [CONTROL_FROM_FEED] = 409,
        [CONTROL_NOT_LISTED] = 404,
        [CONTROL_DENIED] = 403,
        [CONTROL_STORAGE] = 500,
        [CONTROL_KERNEL] = 500,
        [CONTROL_BUSY] = 503,
};

static void reply_done_edit(Reply *reply, const Edit *edit, const CommandResult *result)
{
    JsonOut out = {.text = &reply->body};

    if (edit->verb == COMMAND_REMOVE && !result->changed) {
        reply_error(reply, 404, "not-found", "%s is not on the %s",
                result->address ? result->address : "it", list_name(edit->list));
        return;
    }
    json_open(&out, NULL, '{');
    json_out_bool(&out, "ok", true);
    json_out_string(&out, "ip", result->address);
    json_out_bool(&out, "changed", result->changed);
    if (result->message)
        json_out_string(&out, "message", result->message);
    json_close(&out, '}');
    reply->status = 200;
}

static void on_edit_done(const CommandResult *result, void *userdata)
{
    _cleanup_free_ Edit *edit = userdata;
    Request *request = edit->request;

    if (!request)
        return;
    if (result->error == CONTROL_OK)
        reply_done_edit(&request->reply, edit, result);
    else
        reply_error(&request->reply, error_status[result->error], control_error_code(result->error),
                "%s", result->message ? result->message : "refused");
    if (result->error == CONTROL_BUSY)
        request->reply.retry_after_sec = 1;
    request_answered(request);
}

static void on_request_gone(void *userdata)
{
    Edit *edit = userdata;

    edit->request = NULL;
}

static void submit(Request *request, Command *command)
{
    Edit *edit = calloc(1, sizeof(*edit));

    if (!edit) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    *edit = (Edit){.request = request, .list = route_list_of(request), .verb = command->verb};
    command->list = edit->list;
    command->caller = request->caller;
    if (control_submit(request->server->context.control, command, NULL, on_edit_done, edit) < 0) {
        free(edit);
        reply_error(&request->reply, 500, "internal", "the change could not be submitted");
    } else if (request->reply.status == 0) /* else it was answered at once, and `edit` is gone */
        request_wait(request, on_request_gone, edit);
}

static const char *const add_keys[] = {"ip", "ttl", "comment", "force", "confirm", NULL};
static const char *const confirm_keys[] = {"ip", NULL};

static void refuse_key(Request *request, const char *key, const char *const *known)
{
    _cleanup_(text_done) TextBuffer list = {};

    for (size_t i = 0; known[i]; i++)
        text_appendf(&list, "%s%s", i > 0 ? ", " : "", known[i]);
    reply_error(&request->reply, 400, "bad-request", "unknown key '%.*s'; known: %s",
            text_fit(key, 40), key, list.failed ? "" : list.data);
}

static bool known_keys(Request *request, json_object *object, const char *const *known)
{
    json_object_object_foreach(object, key, value)
    {
        bool found = false;

        (void)value;
        for (size_t i = 0; known[i]; i++)
            found |= strcmp(known[i], key) == 0;
        if (!found) {
            refuse_key(request, key, known);
            return false;
        }
    }
    return true;
}

static bool read_member(Request *request, int r, const char *what)
{
    if (r >= 0)
        return true;
    reply_error(&request->reply, 400, "bad-request", "%s", what);
    return false;
}

static bool read_command(Request *request, json_object *object, Command *command)
{
    bool confirms = command->verb == COMMAND_CONFIRM;

    if (!json_object_is_type(object, json_type_object))
        return read_member(
                request, -EINVAL, "the body must be a JSON object, like {\"ip\":\"192.0.2.1\"}");
    if (!known_keys(request, object, confirms ? confirm_keys : add_keys))
        return false;
    if (!read_member(
                request, json_get_string(object, "ip", &command->address), "ip must be a string") ||
            !read_member(request, json_get_uint64(object, "ttl", &command->ttl_sec),
                    "ttl must be a whole number of seconds") ||
            !read_member(request, json_get_uint64(object, "confirm", &command->confirm_sec),
                    "confirm must be a whole number of seconds") ||
            !read_member(request, json_get_string(object, "comment", &command->comment),
                    "comment must be a string") ||
            !read_member(request, json_get_bool(object, "force", &command->force),
                    "force must be true or false"))
        return false;
    return read_member(request, command->address ? 0 : -EINVAL, "ip is missing");
}

static void submit_body(Request *request, CommandVerb verb)
{
    _cleanup_json_ json_object *object = NULL;
    Command command = {.verb = verb};
    const char *error = NULL, *text = request->body.data ? request->body.data : "";
    int r = 0;

    if (!query_check(request, (const char *[]){NULL}))
        return;
    r = json_parse_strict(text, request->body.size, JSON_DEPTH_MAX, &object, &error);
    if (r < 0)
        reply_error(&request->reply, r == -ENOMEM ? 503 : 400,
                r == -ENOMEM ? "unavailable" : "bad-request", "the body is not valid JSON: %s",
                error ? error : "out of memory");
    else if (read_command(request, object, &command))
        submit(request, &command);
}

void route_list_post(Request *request)
{
    submit_body(request, COMMAND_ADD);
}

void route_list_confirm(Request *request)
{
    submit_body(request, COMMAND_CONFIRM);
}

void route_list_delete(Request *request)
{
    Command command = {.verb = COMMAND_REMOVE};

    if (!query_check(request, (const char *[]){"ip", NULL}))
        return;
    command.address = query_text(request, "ip");
    if (!command.address)
        reply_error(&request->reply, 400, "bad-request", "which one? DELETE %s?ip=ADDRESS",
                request->path);
    else
        submit(request, &command);
}
