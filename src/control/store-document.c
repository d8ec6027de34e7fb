/* SPDX-License-Identifier: MIT */
/* What the file says about itself, in whatever order, in front of, between or behind the lists.
 * These are only found here, and read when it is known how.
 *
 * Version 0 is what people write by hand and other tools leave: no header, and an array of
 * addresses and prefixes for each list, or for one of them:
 *
 *     {"blacklist":["203.0.113.7","198.51.100.0/24"],"whitelist":["192.168.0.0/16"]} */

#include "control/store-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    KEY_FORMAT,
    KEY_VERSION,
    KEY_BOOT_ID,
    KEY_SAVED_BOOTTIME,
    KEY_SAVED,
    KEY_LISTS,
    _KEY_MAX = KEY_LISTS + _LIST_MAX,
};

/* Values that are still to be read; `at` is NULL where there is none. */
typedef struct Members {
    JsonReader values[_KEY_MAX];
} Members;

static int refuse(StoreReport *report, StoreOutcome outcome, const char *reason)
{
    report->outcome = outcome;
    snprintf(report->reason, sizeof(report->reason), "%s", reason);
    return -EINVAL;
}

/* --- the members */

static int key_number(const char *key)
{
    static const char *const keys[KEY_LISTS] = {
            "format", "version", "boot_id", "saved_boottime_ns", "saved"};

    for (int i = 0; i < _KEY_MAX; i++)
        if (strcmp(key, i < KEY_LISTS ? keys[i] : list_name((ListId)(i - KEY_LISTS))) == 0)
            return i;
    return -1;
}

/* False if one of them appears twice. */
static bool find_members(JsonReader reader, Members *ret)
{
    for (json_reader_enter(&reader); json_reader_more(&reader); json_reader_skip(&reader)) {
        int key = key_number(json_reader_text(&reader));

        if (key >= 0 && ret->values[key].at)
            return false;
        if (key >= 0)
            ret->values[key] = reader;
    }
    return true;
}

static bool has(const Members *members, int key)
{
    return members->values[key].at;
}

static bool is(Members *members, int key, JsonKind kind)
{
    return has(members, key) && json_reader_kind(&members->values[key]) == kind;
}

/* "" if it is no text. */
static const char *text_of(Members *members, int key)
{
    const char *text =
            is(members, key, JSON_KIND_TEXT) ? json_reader_text(&members->values[key]) : NULL;

    return text ? text : "";
}

/* --- the document */

static bool is_version_0(Members *members)
{
    unsigned lists = 0;

    if (has(members, KEY_FORMAT) || has(members, KEY_VERSION))
        return false;
    for (int key = KEY_LISTS; key < _KEY_MAX; key++) {
        if (has(members, key) && !is(members, key, JSON_KIND_ARRAY))
            return false;
        lists += has(members, key);
    }
    return lists > 0;
}

static int check_version(Members *members, uint64_t *ret, StoreReport *report)
{
    if (strcmp(text_of(members, KEY_FORMAT), STORE_FORMAT) != 0)
        return refuse(report, STORE_DAMAGED, "it is JSON, but not a state file of ntc");
    if (!is(members, KEY_VERSION, JSON_KIND_NUMBER) ||
            json_reader_uint64(&members->values[KEY_VERSION], ret) < 0 || *ret == 0)
        return refuse(report, STORE_DAMAGED, "its version can't be read");
    if (*ret > STORE_VERSION)
        return refuse(report, STORE_TOO_NEW, "a later version of ntc wrote it");
    return 0;
}

static int take_lists(Members *members, StoreDocument *document, StoreReport *report)
{
    for (ListId id = 0; id < _LIST_MAX; id++) {
        int key = KEY_LISTS + (int)id;

        document->has_list[id] = is(members, key, JSON_KIND_ARRAY);
        if (!document->has_list[id] && document->version > 0)
            return refuse(report, STORE_DAMAGED, "a list is missing in it");
        document->lists[id] = members->values[key];
    }
    return 0;
}

int store_read_document(char *text, StoreDocument *ret, StoreReport *report)
{
    JsonReader reader;
    Members members = {};
    int r = 0;

    *ret = (StoreDocument){};
    reader.at = text;
    if (json_reader_kind(&reader) != JSON_KIND_OBJECT)
        return refuse(report, STORE_DAMAGED, "it is JSON, but not a state file of ntc");
    if (!find_members(reader, &members))
        return refuse(report, STORE_DAMAGED, "a key appears twice in it");
    if (!is_version_0(&members))
        r = check_version(&members, &ret->version, report);
    if (r < 0)
        return r;
    ret->boot_id = text_of(&members, KEY_BOOT_ID);
    ret->saved_boottime_ns = text_of(&members, KEY_SAVED_BOOTTIME);
    ret->saved = text_of(&members, KEY_SAVED);
    return take_lists(&members, ret, report);
}
