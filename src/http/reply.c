/* SPDX-License-Identifier: MIT */
#include "http/reply.h"

#include "http/json-out.h"

#include <stdarg.h>

void reply_done(Reply *reply)
{
    text_done(&reply->body);
    *reply = (Reply){};
}

void reply_error(Reply *reply, unsigned status, const char *code, const char *format, ...)
{
    _cleanup_free_ char *message = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&message, format, args) < 0)
        message = NULL;
    va_end(args);

    reply_done(reply);
    reply->status = status;
    JsonOut out = {.text = &reply->body};
    json_open(&out, NULL, '{');
    json_out_bool(&out, "ok", false);
    json_out_string(&out, "error", code);
    json_out_string(&out, "message", message ? message : "out of memory");
    json_close(&out, '}');
}
