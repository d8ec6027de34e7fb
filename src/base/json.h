/* SPDX-License-Identifier: MIT */
#pragma once

/* json-c with the tree's conventions: cleanup attribute, -errno, strict parsing. */

#include "base/cleanup.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void json_putp(json_object **object)
{
    if (*object)
        json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Parses one complete JSON document of `size` bytes: trailing bytes, invalid UTF-8, duplicate keys
 * and nesting deeper than `depth_max` are -EINVAL; -ENOMEM. *ret_error, if asked for, is a static
 * sentence. */
int json_parse_strict(
        const char *text, size_t size, int depth_max, json_object **ret, const char **ret_error);

/* The same without a tree, for json-reader.h: 0 or -EINVAL. Equal keys pass. */
int json_check(const char *text, size_t size, int depth_max, const char **ret_error);

/* Typed members. 1 and *ret set when present, 0 when absent, -EINVAL when of another type (a number
 * with a fraction or out of range is another type). A string with an embedded NUL is -EINVAL.
 * Strings are borrowed from `object`. */
int json_get_string(json_object *object, const char *key, const char **ret);
int json_get_uint64(json_object *object, const char *key, uint64_t *ret);
int json_get_bool(json_object *object, const char *key, bool *ret);

/* Adders that return -ENOMEM instead of leaking half a member. NULL strings become null. */
int json_add_string(json_object *object, const char *key, const char *value);
int json_add_uint64(json_object *object, const char *key, uint64_t value);
int json_add_int(json_object *object, const char *key, int64_t value);
int json_add_double(json_object *object, const char *key, double value);
int json_add_bool(json_object *object, const char *key, bool value);
/* Takes `value`, also on failure. */
int json_add_object(json_object *object, const char *key, json_object *value);
int json_append(json_object *array, json_object *value);
