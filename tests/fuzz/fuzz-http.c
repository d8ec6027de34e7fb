/* SPDX-License-Identifier: MIT */
/* HTTP requests to a whole server in this process, over a unix socket. The input is a request
 * without what libmicrohttpd itself would only refuse: the protocol, the length of the body and the
 * Host are filled in unless the first byte is '!'. Whoever is answered gets an answer that is what
 * it says it is, and nobody is told of an error inside. The lists are empty again afterwards. */

#include "http-world.h"

#include "base/json.h"
#include "base/text.h"

enum { ANSWER_DEPTH_MAX = 16 };

/* The stream has no end; fuzz-event-id.c reads its header. */
static bool is_stream(const char *request)
{
    return strstr(request, "/events") != NULL;
}

static void compose(const char *text, TextBuffer *out)
{
    size_t line = strcspn(text, "\n");
    const char *rest = text[line] ? text + line + 1 : "", *body = strstr(rest, "\n\n");
    size_t headers = body ? (size_t)(body - rest) : strlen(rest);

    text_append_bytes(out, text, line);
    text_append(out, " HTTP/1.1\r\nConnection: close\r\n");
    if (!strstr(text, "Host:"))
        text_append(out, "Host: localhost\r\n");
    for (size_t i = 0; i < headers; i++)
        text_append_bytes(out, rest[i] == '\n' ? "\r\n" : rest + i, rest[i] == '\n' ? 2 : 1);
    if (body)
        text_appendf(out, "%sContent-Length: %zu\r\n\r\n%s", headers ? "\r\n" : "",
                strlen(body + 2), body + 2);
    else
        text_append(out, headers ? "\r\n\r\n" : "\r\n");
}

static bool has_header(const char *answer, size_t headers, const char *line)
{
    const char *found = strstr(answer, line);

    return found && (size_t)(found - answer) < headers;
}

static void check_json(const char *body, size_t size, bool ok)
{
    _cleanup_json_ json_object *document = NULL;
    const char *code, *message;
    bool said;

    CHECK(json_parse_strict(body, size, ANSWER_DEPTH_MAX, &document, NULL) == 0);
    if (ok)
        return;
    CHECK(json_get_bool(document, "ok", &said) > 0 && !said);
    CHECK(json_get_string(document, "error", &code) > 0 && code[0]);
    CHECK(json_get_string(document, "message", &message) > 0 && message[0]);
}

/* Of the first answer: more than one request may have come. */
static size_t body_size(const char *answer, size_t headers)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *found = strstr(answer, name);

    CHECK(found && (size_t)(found - answer) < headers);
    return strtoul(found + strlen(name), NULL, 10);
}

static void check_answer(const char *answer, size_t size, bool head)
{
    const char *end = strstr(answer, "\r\n\r\n");
    size_t headers = end ? (size_t)(end - answer) + 4 : 0;
    int status = strncmp(answer, "HTTP/1.", 7) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;

    if (size == 0)
        return; /* cut off: too long, or no request at all */
    CHECK(end && status >= 100 && status < 600);
    if (!has_header(answer, headers, "\r\nX-Content-Type-Options: nosniff\r\n"))
        return; /* libmicrohttpd's own word */
    CHECK(status != 500);
    CHECK(has_header(answer, headers, "\r\nContent-Security-Policy: default-src 'self'"));
    CHECK(!has_header(answer, headers, "\r\nAccess-Control-"));
    if (head)
        return;
    CHECK(size - headers >= body_size(answer, headers));
    if (has_header(answer, headers, "\r\nContent-Type: application/json\r\n"))
        check_json(answer + headers, body_size(answer, headers), status < 400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = fuzz_text(data, size);
    _cleanup_(text_done) TextBuffer request = {}, answer = {};
    bool raw = text[0] == '!';

    if (is_stream(text))
        return 0;
    if (raw)
        text_append_bytes(&request, text + 1, size - 1);
    else
        compose(text, &request);
    if (request.size > 0)
        http_world_exchange(&request, raw, &answer);
    check_answer(answer.data ? answer.data : "", answer.size, strncmp(text + raw, "HEAD ", 5) == 0);
    http_world_empty_lists();
    return 0;
}
