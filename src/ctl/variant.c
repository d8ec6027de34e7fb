/* SPDX-License-Identifier: MIT */
/* D-Bus values as JSON: dictionaries become objects, arrays and structs arrays, variants what they
 * hold. */

#include "ctl/ctl.h"

#include <string.h>

static json_object *basic(char type, const void *value)
{
    switch (type) {
    case 'y':
        return json_object_new_int(*(const uint8_t *)value);
    case 'b':
        return json_object_new_boolean(*(const int *)value);
    case 'n':
        return json_object_new_int(*(const int16_t *)value);
    case 'q':
        return json_object_new_int(*(const uint16_t *)value);
    case 'i':
        return json_object_new_int(*(const int32_t *)value);
    case 'u':
        return json_object_new_int64(*(const uint32_t *)value);
    case 'x':
        return json_object_new_int64(*(const int64_t *)value);
    case 't':
        return json_object_new_uint64(*(const uint64_t *)value);
    case 'd':
        return json_object_new_double(*(const double *)value);
    default:
        return NULL;
    }
}

static int read_basic(sd_bus_message *m, char type, json_object **ret)
{
    union {
        uint64_t number;
        double real;
        const char *text;
    } value = {};
    int r = sd_bus_message_read_basic(m, type, &value);

    if (r < 0)
        return r;
    *ret = strchr("sog", type) ? json_object_new_string(value.text) : basic(type, &value);
    return *ret ? 0 : -ENOMEM;
}

static int read_pair(sd_bus_message *m, const char *contents, json_object *object)
{
    _cleanup_json_ json_object *value = NULL;
    const char *key;
    int r = sd_bus_message_enter_container(m, 'e', contents);

    if (r >= 0)
        r = sd_bus_message_read_basic(m, 's', &key);
    if (r >= 0)
        r = json_from_message(m, &value);
    if (r >= 0)
        r = json_object_object_add(object, key, value) < 0 ? -ENOMEM : 0;
    if (r < 0)
        return r;
    TAKE_PTR(value);
    return sd_bus_message_exit_container(m);
}

static int read_dictionary(sd_bus_message *m, const char *contents, json_object *object)
{
    char pair[256];
    size_t size = strlen(contents);
    int r;

    if (size < 3 || size - 2 >= sizeof(pair) || contents[1] != 's')
        return -EBADMSG;
    memcpy(pair, contents + 1, size - 2);
    pair[size - 2] = '\0';
    while ((r = sd_bus_message_at_end(m, false)) == 0) {
        r = read_pair(m, pair, object);
        if (r < 0)
            return r;
    }
    return r;
}

static int read_elements(sd_bus_message *m, json_object *array)
{
    int r;

    while ((r = sd_bus_message_at_end(m, false)) == 0) {
        json_object *value = NULL;

        r = json_from_message(m, &value);
        if (r >= 0)
            r = json_append(array, value);
        if (r < 0)
            return r;
    }
    return r;
}

static int read_container(sd_bus_message *m, char type, const char *contents, json_object **ret)
{
    bool dictionary = type == 'a' && contents[0] == '{';
    _cleanup_json_ json_object *value = NULL;
    int r = sd_bus_message_enter_container(m, type, contents);

    if (r < 0)
        return r;
    if (type != 'v') {
        value = dictionary ? json_object_new_object() : json_object_new_array();
        if (!value)
            return -ENOMEM;
        r = dictionary ? read_dictionary(m, contents, value) : read_elements(m, value);
    } else
        r = json_from_message(m, &value);
    if (r >= 0)
        r = sd_bus_message_exit_container(m);
    if (r >= 0)
        *ret = TAKE_PTR(value);
    return r;
}

int json_from_message(sd_bus_message *m, json_object **ret)
{
    const char *contents;
    char type;
    int r = sd_bus_message_peek_type(m, &type, &contents);

    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    return strchr("arv", type) ? read_container(m, type, contents, ret) : read_basic(m, type, ret);
}
