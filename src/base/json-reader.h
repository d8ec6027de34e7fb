/* SPDX-License-Identifier: MIT */
#pragma once

/* Walks a JSON document in place, value by value and without a tree: a file of many megabytes costs
 * no memory beyond its text.
 *
 * The text must have passed json_check(): nothing is checked here. Reading changes it, for strings
 * are unescaped and ended where they stand; each value is to be taken once.
 *
 *     for (json_reader_enter(&reader); json_reader_more(&reader);) {
 *         const char *key = json_reader_text(&reader);      (objects only)
 *         ... then exactly one of json_reader_text(), _uint64(), _bool(), _skip(),
 *         or a loop like this one
 *     } */

#include <stdbool.h>
#include <stdint.h>

typedef struct JsonReader {
    char *at;
} JsonReader;

typedef enum JsonKind {
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER,
    JSON_KIND_TEXT,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
} JsonKind;

JsonKind json_reader_kind(JsonReader *reader); /* of the value that comes next */

void json_reader_enter(JsonReader *reader); /* an array or an object */
/* Whether an item follows; if not, the container is left. */
bool json_reader_more(JsonReader *reader);

/* A key, or a value of that kind, valid as long as the text. NULL if it holds a NUL character,
 * which keys don't. Half a surrogate pair becomes U+FFFD. */
const char *json_reader_text(JsonReader *reader);
/* 0; -EINVAL for a negative number or one with a fraction or an exponent, which is skipped. */
int json_reader_uint64(JsonReader *reader, uint64_t *ret);
bool json_reader_bool(JsonReader *reader);
void json_reader_skip(JsonReader *reader); /* any value */
