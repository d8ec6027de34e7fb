/* SPDX-License-Identifier: MIT */
/* Older formats of the state file. Each step lifts the parsed document by one version, in place, so
 * that the reader knows the present one alone. A new version adds its step at the end.
 *
 * Version 0 is what people write by hand and other tools leave: no header, and an array of
 * addresses and prefixes for each list, or for one of them:
 *
 *     {"blacklist":["203.0.113.7","198.51.100.0/24"],"whitelist":["192.168.0.0/16"]} */

#include "control/store-internal.h"

/* An entry is an object now. What is no text stays, for the reader to complain of. */
static int wrap_addresses(json_object *array)
{
    size_t n = json_object_array_length(array);
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        json_object *address = json_object_array_get_idx(array, i);
        _cleanup_json_ json_object *entry = NULL;

        if (!json_object_is_type(address, json_type_string))
            continue;
        entry = json_object_new_object();
        if (!entry)
            return -ENOMEM;
        r = json_add_object(entry, "ip", json_object_get(address));
        if (r >= 0 && json_object_array_put_idx(array, i, entry) < 0)
            r = -ENOMEM;
        if (r >= 0)
            TAKE_PTR(entry);
    }
    return r;
}

static int from_0(json_object *root)
{
    int r = 0;

    for (ListId id = 0; id < _LIST_MAX && r >= 0; id++) {
        json_object *array;

        if (json_object_object_get_ex(root, list_name(id), &array))
            r = wrap_addresses(array);
        else
            r = json_add_object(root, list_name(id), json_object_new_array());
    }
    if (r >= 0)
        r = json_add_string(root, "format", STORE_FORMAT);
    return r;
}

static int (*const steps[STORE_VERSION])(json_object *root) = {from_0};

bool store_is_version_0(json_object *root)
{
    json_object *value;
    unsigned lists = 0;

    if (json_object_object_get_ex(root, "format", &value) ||
            json_object_object_get_ex(root, "version", &value))
        return false;
    for (ListId id = 0; id < _LIST_MAX; id++) {
        if (!json_object_object_get_ex(root, list_name(id), &value))
            continue;
        if (!json_object_is_type(value, json_type_array))
            return false;
        lists++;
    }
    return lists > 0;
}

int store_migrate(json_object *root, uint64_t version)
{
    int r = 0;

    for (; version < STORE_VERSION && r >= 0; version++)
        r = steps[version](root);
    return r;
}
