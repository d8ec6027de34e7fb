/* SPDX-License-Identifier: MIT */
/* Strict parsing. Even in its strict mode json-c takes what RFC 8259 forbids (raw control
 * characters, "NaN", leading zeros), lets the last of two equal keys win and saturates numbers. So
 * the grammar is checked first, and json-c only builds the tree. Equal keys show by the count: the
 * tree then has fewer members than the text. */
#include "base/json.h"

#include "base/json-scan.h"

#include <limits.h>

/* Bounded by the depth that was checked before. */
static size_t count_members(json_object *value)
{
    size_t n = 0;

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            n += count_members(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            n += 1 + count_members(member);
        }
    }
    return n;
}

static int build(const char *text, size_t size, int depth_max, json_object **ret)
{
    /* json-c counts scalars as a level, and wants one to spare */
    json_tokener *tokener = json_tokener_new_ex(depth_max + 2);
    json_object *value = NULL;
    enum json_tokener_error error;

    if (!tokener)
        return -ENOMEM;
    value = json_tokener_parse_ex(tokener, text, (int)size);
    error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue) { /* a number might have gone on */
        value = json_tokener_parse_ex(tokener, " ", 1);
        error = json_tokener_get_error(tokener);
    }
    json_tokener_free(tokener);
    if (error != json_tokener_success)
        return error == json_tokener_error_size ? -EINVAL : -ENOMEM;
    *ret = value;
    return 0;
}

static int refuse(const char **ret_error, const char *error)
{
    if (ret_error)
        *ret_error = error;
    return -EINVAL;
}

/* 0, with the number of members, or -EINVAL. */
static int check(
        const char *text, size_t size, int depth_max, size_t *ret_members, const char **ret_error)
{
    const char *error = NULL;

    if (size >= INT_MAX) /* json-c's */
        return refuse(ret_error, "too long");
    return json_scan(text, size, depth_max, ret_members, &error) ? 0 : refuse(ret_error, error);
}

int json_check(const char *text, size_t size, int depth_max, const char **ret_error)
{
    size_t members;

    return check(text, size, MIN_OF(depth_max, JSON_SCAN_DEPTH_MAX), &members, ret_error);
}

int json_parse_strict(
        const char *text, size_t size, int depth_max, json_object **ret, const char **ret_error)
{
    int depth = MIN_OF(depth_max, JSON_SCAN_DEPTH_MAX);
    _cleanup_json_ json_object *value = NULL;
    size_t members;
    int r = check(text, size, depth, &members, ret_error);

    if (r < 0)
        return r;
    r = build(text, size, depth, &value);
    if (r < 0)
        return r == -EINVAL ? refuse(ret_error, "not understood") : r;
    if (count_members(value) != members)
        return refuse(ret_error, "a key appears twice in one object");
    *ret = TAKE_PTR(value);
    return 0;
}
