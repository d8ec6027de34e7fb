/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/text.h"

#include <limits.h>
#include <string.h>

/* json-c keeps the last of two equal keys and says nothing. Who reads a request twice (a proxy,
 * then us) may be made to see two different ones by that: the text is walked once more, counting
 * keys. json-c has accepted the text before, so its syntax needs no checking here. */
typedef struct KeyWalk {
    const char *p;
    const char *end;
} KeyWalk;

static size_t count_keys_of_text(KeyWalk *walk)
{
    bool in_string = false;
    size_t keys = 0;

    for (; walk->p < walk->end; walk->p++) {
        if (in_string && *walk->p == '\\')
            walk->p++;
        else if (*walk->p == '"')
            in_string = !in_string;
        else if (!in_string && *walk->p == ':')
            keys++;
    }
    return keys;
}

static size_t count_keys_of_object(json_object *object)
{
    size_t keys = 0;

    if (json_object_is_type(object, json_type_array))
        for (size_t i = 0; i < json_object_array_length(object); i++)
            keys += count_keys_of_object(json_object_array_get_idx(object, i));
    if (json_object_is_type(object, json_type_object)) {
        json_object_object_foreach(object, key, value)
        {
            (void)key;
            keys += 1 + count_keys_of_object(value);
        }
    }
    return keys;
}

static const char *complaint_of(json_tokener *tokener, const char *text, size_t size)
{
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t used = json_tokener_get_parse_end(tokener);

    if (error == json_tokener_error_depth)
        return "the JSON is nested too deeply";
    if (error == json_tokener_continue)
        return "the JSON ends too early";
    if (error != json_tokener_success)
        return "not valid JSON";
    for (; used < size; used++)
        if (!strchr(" \t\r\n", text[used]) || !text[used])
            return "there is something behind the JSON";
    return NULL;
}

static const char *parse(json_tokener *tokener, const char *text, size_t size, json_object **ret)
{
    _cleanup_json_ json_object *object = NULL;
    KeyWalk walk = {text, text + size};
    const char *complaint;

    if (size >= INT_MAX || memchr(text, '\0', size) || !text_is_utf8(text, size))
        return "not valid UTF-8";
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    object = json_tokener_parse_ex(tokener, text, (int)size);
    /* A number at the very end is complete only when the end is told. */
    if (!object && json_tokener_get_error(tokener) == json_tokener_continue)
        object = json_tokener_parse_ex(tokener, "", -1);
    complaint = complaint_of(tokener, text, size);
    if (complaint)
        return complaint;
    if (count_keys_of_text(&walk) != count_keys_of_object(object))
        return "the same key twice in one object";
    *ret = TAKE_PTR(object);
    return NULL;
}

int json_parse_strict(
        const char *text, size_t size, int depth_max, json_object **ret, const char **ret_error)
{
    json_tokener *tokener = json_tokener_new_ex(depth_max);
    const char *complaint;

    if (!tokener)
        return -ENOMEM;
    complaint = parse(tokener, text, size, ret);
    json_tokener_free(tokener);
    if (complaint && ret_error)
        *ret_error = complaint;
    return complaint ? -EINVAL : 0;
}

int json_get_string(json_object *object, const char *key, const char **ret)
{
    json_object *value;
    const char *text;

    if (!json_object_object_get_ex(object, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_string))
        return -EINVAL;
    text = json_object_get_string(value);
    if (strlen(text) != (size_t)json_object_get_string_len(value))
        return -EINVAL;
    *ret = text;
    return 1;
}

int json_get_uint64(json_object *object, const char *key, uint64_t *ret)
{
    json_object *value;
    uint64_t number;

    if (!json_object_object_get_ex(object, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return -EINVAL;
    number = json_object_get_uint64(value);
    /* What does not fit is clamped by json-c: the text tells. */
    if (number == UINT64_MAX && strcmp(json_object_get_string(value), "18446744073709551615") != 0)
        return -EINVAL;
    *ret = number;
    return 1;
}

int json_get_bool(json_object *object, const char *key, bool *ret)
{
    json_object *value;

    if (!json_object_object_get_ex(object, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_boolean))
        return -EINVAL;
    *ret = json_object_get_boolean(value);
    return 1;
}

int json_add_object(json_object *object, const char *key, json_object *value)
{
    if (!value)
        return -ENOMEM;
    if (json_object_object_add(object, key, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

int json_add_string(json_object *object, const char *key, const char *value)
{
    if (!value)
        return json_object_object_add(object, key, NULL) == 0 ? 0 : -ENOMEM;
    return json_add_object(object, key, json_object_new_string(value));
}

int json_add_uint64(json_object *object, const char *key, uint64_t value)
{
    return json_add_object(object, key, json_object_new_uint64(value));
}

int json_add_int(json_object *object, const char *key, int64_t value)
{
    return json_add_object(object, key, json_object_new_int64(value));
}

int json_add_double(json_object *object, const char *key, double value)
{
    return json_add_object(object, key, json_object_new_double(value));
}

int json_add_bool(json_object *object, const char *key, bool value)
{
    return json_add_object(object, key, json_object_new_boolean(value));
}

int json_append(json_object *array, json_object *value)
{
    if (!value)
        return -ENOMEM;
    if (json_object_array_add(array, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}
