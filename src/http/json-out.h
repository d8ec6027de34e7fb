/* SPDX-License-Identifier: MIT */
#pragma once

/* Writes JSON text straight into a TextBuffer: a page of ten thousand entries costs no object each.
 * Commas are its business, nesting is the caller's. `key` is NULL inside of arrays and at the top.
 */

#include "base/text.h"

typedef struct JsonOut {
    TextBuffer *text;
    bool comma; /* the next member needs one before it */
} JsonOut;

void json_open(JsonOut *out, const char *key, char bracket);
void json_close(JsonOut *out, char bracket);
/* Bytes that are not UTF-8 come out as question marks; NULL as null. */
void json_out_string(JsonOut *out, const char *key, const char *value);
void json_out_uint64(JsonOut *out, const char *key, uint64_t value);
void json_out_double(JsonOut *out, const char *key, double value); /* three decimals */
/* RFC 3339, UTC; 0 is null. */
void json_out_time(JsonOut *out, const char *key, uint64_t wall_ns);
/* The same for a moment of the monotonic clock. */
void json_out_moment(JsonOut *out, const char *key, uint64_t monotonic_ns);
void json_out_bool(JsonOut *out, const char *key, bool value);
