/* SPDX-License-Identifier: MIT */
#include "http/query.h"

#include <string.h>
#include <strings.h>

#define QUERY_MAX 16

typedef struct Check {
    Request *request;
    const char *const *known;
    const char *seen[QUERY_MAX];
    size_t n_seen;
} Check;

static void complain_unknown(Check *check, const char *key)
{
    _cleanup_(text_done) TextBuffer names = {};

    for (const char *const *k = check->known; *k; k++)
        text_appendf(&names, "%s%s", k == check->known ? "" : ", ", *k);
    reply_error(&check->request->reply, 400, "bad-request",
            "unknown parameter '%.*s'; known here: %s", text_fit(key, 40), key,
            names.data ? names.data : "none");
}

static enum MHD_Result on_parameter(void *userdata, enum MHD_ValueKind kind, const char *key,
        size_t key_size, const char *value, size_t value_size)
{
    Check *check = userdata;
    Reply *reply = &check->request->reply;
    bool known = false;

    if (strlen(key) != key_size || (value && strlen(value) != value_size)) {
        reply_error(reply, 400, "bad-request", "a parameter has a NUL in it");
        return MHD_NO;
    }
    for (const char *const *k = check->known; *k; k++)
        known |= strcmp(*k, key) == 0;
    if (!known) {
        complain_unknown(check, key);
        return MHD_NO;
    }
    for (size_t i = 0; i < check->n_seen; i++)
        if (strcmp(check->seen[i], key) == 0) {
            reply_error(reply, 400, "bad-request", "parameter '%s' is given twice", key);
            return MHD_NO;
        }
    if (check->n_seen < QUERY_MAX)
        check->seen[check->n_seen++] = key;
    return MHD_YES;
}

bool query_check(Request *request, const char *const *known)
{
    Check check = {.request = request, .known = known};

    MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, on_parameter, &check);
    return request->reply.status == 0;
}

const char *query_text(const Request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool query_uint64(
        Request *request, const char *name, uint64_t max, uint64_t fallback, uint64_t *ret)
{
    const char *text = query_text(request, name);

    *ret = fallback;
    if (!text || parse_uint64(text, 0, max, ret) >= 0)
        return true;
    reply_error(&request->reply, 400, "bad-request", "%s must be a number from 0 to %llu", name,
            (unsigned long long)max);
    return false;
}

bool query_word(Request *request, const char *name, const char *const *words, size_t *ret)
{
    _cleanup_(text_done) TextBuffer names = {};
    const char *text = query_text(request, name);

    *ret = 0;
    if (!text)
        return true;
    for (size_t i = 0; words[i]; i++) {
        if (strcasecmp(words[i], text) == 0) {
            *ret = i;
            return true;
        }
        text_appendf(&names, "%s%s", i ? ", " : "", words[i]);
    }
    reply_error(&request->reply, 400, "bad-request", "%s must be one of %s", name,
            names.data ? names.data : "none");
    return false;
}
