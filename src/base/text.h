/* SPDX-License-Identifier: MIT */
#pragma once

/* Small text helpers that the C library lacks. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, no sign, no white space. -EINVAL, -ERANGE if outside [min, max]. */
int parse_uint64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Seconds from "90", "90s", "15min", "1h", "7d" or a sum of such ("1h30min"). -EINVAL, -ERANGE. */
int parse_duration_sec(const char *text, uint64_t *ret_sec);

/* Levenshtein distance, for "did you mean". */
size_t text_distance(const char *a, const char *b);

bool text_is_utf8(const char *text, size_t size);
/* True if `text` is valid UTF-8 without control characters: fit to be shown on one line. */
bool text_is_printable(const char *text);
/* `text`, or if it isn't UTF-8 a copy in `buffer`, cut to `size`, with a question mark for each
 * byte that isn't ASCII: what JSON and D-Bus show of the names of interfaces, which may hold any.
 */
const char *text_to_utf8(const char *text, char *buffer, size_t size);
/* The bytes of `text` that fit into `max` without cutting a character; for "%.*s". */
int text_fit(const char *text, int max);

/* A growing, NUL-terminated text. Zero-initialised is empty. After an allocation failed, `failed`
 * stays set and further appends do nothing: check once at the end. */
typedef struct TextBuffer {
    char *data; /* owned; NULL while empty */
    size_t size;
    size_t allocated;
    bool failed;
} TextBuffer;

void text_append(TextBuffer *buffer, const char *text);
void text_append_bytes(TextBuffer *buffer, const void *bytes, size_t size);
void text_append_uint64(TextBuffer *buffer, uint64_t value);
void text_appendf(TextBuffer *buffer, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void text_vappendf(TextBuffer *buffer, const char *format, va_list args)
        __attribute__((format(printf, 2, 0)));
void text_clear(TextBuffer *buffer); /* keeps the memory */
void text_done(TextBuffer *buffer);  /* for _cleanup_(text_done) */
