/* SPDX-License-Identifier: MIT */
/* JSON documents. What the strict parser lets pass, the reader without a tree finds to be the same
 * as json-c's tree, to the value. */

#include "fuzz.h"

#include "base/json-reader.h"
#include "base/json.h"

#include <errno.h>

enum { DEPTH_MAX = 16 };

static void check_value(JsonReader *reader, json_object *value);

static void check_array(JsonReader *reader, json_object *array)
{
    size_t n = 0;

    for (json_reader_enter(reader); json_reader_more(reader); n++)
        check_value(reader, json_object_array_get_idx(array, n));
    CHECK(n == json_object_array_length(array));
}

/* json-c takes a pair for one half if the character's low 16 bits look like one, as U+1DA00's do,
 * and then makes something else of it and of what follows. */
static bool has_pair_like_a_half(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((c[0] & 0xf8) == 0xf0 && (c[1] & 0x0f) == 0x0d && (c[2] & 0x20))
            return true;
    return false;
}

static void check_object(JsonReader *reader, json_object *object)
{
    bool misread = false; /* a key, by json-c: it has another, or one for two */
    int n = 0;

    for (json_reader_enter(reader); json_reader_more(reader); n++) {
        const char *key = json_reader_text(reader);
        json_object *value = NULL;

        CHECK(key);
        if (has_pair_like_a_half(key)) {
            misread = true;
            json_reader_skip(reader);
            continue;
        }
        CHECK(json_object_object_get_ex(object, key, &value));
        check_value(reader, value);
    }
    CHECK(misread || n == json_object_object_length(object));
}

static void check_text(JsonReader *reader, json_object *text)
{
    const char *expected = json_object_get_string(text), *found = json_reader_text(reader);
    bool has_nul = strlen(expected) != (size_t)json_object_get_string_len(text);

    CHECK(has_nul ? !found
                  : found && (has_pair_like_a_half(found) || strcmp(found, expected) == 0));
}

static void check_number(JsonReader *reader, json_object *number)
{
    uint64_t found = 42;
    int r = json_reader_uint64(reader, &found);

    if (r == 0)
        CHECK(json_object_is_type(number, json_type_int) &&
                found == json_object_get_uint64(number));
    else /* -0 is a 0 that json-c takes */
        CHECK(r == -EINVAL && found == 42 &&
                (!json_object_is_type(number, json_type_int) ||
                        json_object_get_int64(number) <= 0));
}

static void check_value(JsonReader *reader, json_object *value)
{
    switch (json_reader_kind(reader)) {
    case JSON_KIND_NULL:
        CHECK(!value);
        json_reader_skip(reader);
        break;
    case JSON_KIND_BOOL:
        CHECK(json_object_is_type(value, json_type_boolean));
        CHECK(json_reader_bool(reader) == json_object_get_boolean(value));
        break;
    case JSON_KIND_NUMBER:
        check_number(reader, value);
        break;
    case JSON_KIND_TEXT:
        CHECK(json_object_is_type(value, json_type_string));
        check_text(reader, value);
        break;
    case JSON_KIND_ARRAY:
        CHECK(json_object_is_type(value, json_type_array));
        check_array(reader, value);
        break;
    case JSON_KIND_OBJECT:
        CHECK(json_object_is_type(value, json_type_object));
        check_object(reader, value);
        break;
    }
}

static void check_is_over(const JsonReader *reader, const char *end)
{
    CHECK(reader->at + strspn(reader->at, " \t\r\n") == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = fuzz_text(data, size);
    _cleanup_json_ json_object *tree = NULL;
    const char *error = NULL, *same_error = NULL;
    JsonReader reader = {text}, skipping = {text};
    int parsed = json_parse_strict(text, size, DEPTH_MAX, &tree, &error);
    int checked = json_check(text, size, DEPTH_MAX, &same_error);

    CHECK(parsed == 0 || error);
    CHECK(checked == 0 ? parsed == 0 || strstr(error, "twice") || strstr(error, "understood")
                       : parsed < 0 && strcmp(error, same_error) == 0);
    if (checked < 0)
        return 0;
    json_reader_skip(&skipping);
    check_is_over(&skipping, text + size);
    if (parsed < 0)
        return 0;
    check_value(&reader, tree);
    check_is_over(&reader, text + size);
    return 0;
}
