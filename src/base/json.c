/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <math.h>
#include <string.h>

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

    if (!json_object_object_get_ex(object, key, &value))
        return 0;
    /* json-c clamps what doesn't fit, but json_parse_strict() has let no such number in. */
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return -EINVAL;
    *ret = json_object_get_uint64(value);
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

/* JSON has neither infinity nor NaN: null. Fifteen digits are what a double holds of any decimal,
 * and show 0.1 as 0.1. */
int json_add_double(json_object *object, const char *key, double value)
{
    static char format[] = "%.15g";
    json_object *number;

    if (!isfinite(value))
        return json_object_object_add(object, key, NULL) == 0 ? 0 : -ENOMEM;
    number = json_object_new_double(value);
    if (number)
        json_object_set_serializer(number, json_object_double_to_json_string, format, NULL);
    return json_add_object(object, key, number);
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
