/* SPDX-License-Identifier: MIT */
#include "base/json-reader.h"
#include "base/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define DEPTH 4

/* From memory of exactly its size, so that ASan sees a read beyond it. */
static int parse(const char *text, size_t size, json_object **ret, const char **ret_error)
{
    _cleanup_free_ char *copy = malloc(size ? size : 1);

    cr_assert_not_null(copy);
    memcpy(copy, text, size);
    return json_parse_strict(copy, size, DEPTH, ret, ret_error);
}

static json_object *parsed(const char *text)
{
    json_object *object = NULL;
    const char *error = "";

    cr_assert_eq(parse(text, strlen(text), &object, &error), 0, "%s: %s", text, error);
    return object;
}

Test(json, accepts)
{
    static const char *const good[] = {"{}", "[]", " { } \r\n\t", "1", "-1", "0", "\"a\"", "true",
            "null", "[1,2.5,-0.1e+3,1E2]", "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
            "\"\\u00e9\\n\\\"\\\\\\/\"", "\"\xc3\xa9\"", "{\"a:b\":\":\",\"\":1}",
            "18446744073709551615", "-9223372036854775808", "{\"a\":\"\\\\\",\"b\":\"\\\"\"}"};

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        _cleanup_json_ json_object *object = parsed(good[i]);

        (void)object;
    }
}

Test(json, refuses_with_a_reason_and_leaves_ret_alone)
{
    static const char *const bad[] = {"", " ", "{", "}", "[", "{]", "[}", "[1,]", "[,1]", "{,}",
            "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:1}", "[1 2]",
            "{\"a\":1 \"b\":2}", "{} {}", "{}x", "1 2", "nul", "nulll", "tru", "True", "NULL",
            "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01", "00", "1.", ".5", "1e", "1e+",
            "0x10", "1.5.5", "--1", "\"", "\"a", "\"\\", "\"\\u12", "\"\\u12g4\"", "\"\\x\"",
            "\"\t\"", "\"a\nb\"", "// c\n1", "/* c */ 1", "[1] // c", "\"\xff\"", "\"\xc0\x80\"",
            "\"\xed\xa0\x80\"", "\xef\xbb\xbf{}"};
    json_object *object = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        const char *error = NULL;

        cr_expect_eq(parse(bad[i], strlen(bad[i]), &object, &error), -EINVAL, "%s", bad[i]);
        cr_expect_not_null(error, "%s", bad[i]);
        cr_assert_null(object, "%s", bad[i]);
    }
    cr_assert_eq(parse("{}\0", 3, &object, NULL), -EINVAL);
    cr_assert_eq(parse("\0", 1, &object, NULL), -EINVAL);
    cr_assert_eq(parse("\"a\0b\"", 5, &object, NULL), -EINVAL);
}

Test(json, every_cut_of_a_document_is_refused)
{
    static const char text[] = "{\"a\":[1,true,null,\"\\u00e9\xc3\xa9\"],\"b\":{\"c\":-1.5e3}}";
    json_object *object = NULL;

    for (size_t size = 0; size < strlen(text); size++)
        cr_assert_eq(parse(text, size, &object, NULL), -EINVAL, "%.*s", (int)size, text);
    cr_assert_eq(parse(text, strlen(text), &object, NULL), 0);
    json_object_put(object);
}

Test(json, keys_appear_once)
{
    static const char *const bad[] = {"{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}",
            "[{\"b\":{\"a\":1,\"a\":2}}]", "{\"a\":{\"b\":1,\"c\":2},\"a\":1}",
            "{\"ip\\u0000x\":1}"};
    json_object *object = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        cr_expect_eq(parse(bad[i], strlen(bad[i]), &object, NULL), -EINVAL, "%s", bad[i]);
    cr_assert_null(object);
}

Test(json, depth_counts_containers)
{
    static const char bomb[] =
            "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";
    json_object *object = parsed("[[[[1]]]]");
    const char *error = NULL;

    json_object_put(object);
    object = NULL;
    cr_assert_eq(parse("[[[[[]]]]]", 10, &object, &error), -EINVAL);
    cr_assert_not_null(strstr(error, "deep"), "%s", error);
    cr_assert_eq(parse("[[[{\"a\":{}}]]]", 14, &object, NULL), -EINVAL);
    cr_assert_eq(parse(bomb, strlen(bomb), &object, NULL), -EINVAL);
}

Test(json, typed_members)
{
    _cleanup_json_ json_object *object = parsed(
            "{\"s\":\"x\",\"n\":18446744073709551615,\"t\":true,\"f\":1.0,\"z\":\"a\\u0000b\","
            "\"neg\":-1,\"null\":null}");
    const char *s = "kept";
    uint64_t n = 42;
    bool b = false;

    cr_assert_eq(json_get_uint64(object, "absent", &n), 0);
    cr_assert_eq(json_get_uint64(object, "s", &n), -EINVAL);
    cr_assert_eq(json_get_uint64(object, "f", &n), -EINVAL);
    cr_assert_eq(json_get_uint64(object, "neg", &n), -EINVAL);
    cr_assert_eq(json_get_uint64(object, "null", &n), -EINVAL);
    cr_assert_eq(n, 42);
    cr_assert_eq(json_get_uint64(object, "n", &n), 1);
    cr_assert_eq(n, UINT64_MAX);
    cr_assert_eq(json_get_string(object, "absent", &s), 0);
    cr_assert_eq(json_get_string(object, "n", &s), -EINVAL);
    cr_assert_eq(json_get_string(object, "z", &s), -EINVAL);
    cr_assert_str_eq(s, "kept");
    cr_assert_eq(json_get_string(object, "s", &s), 1);
    cr_assert_str_eq(s, "x");
    cr_assert_eq(json_get_bool(object, "n", &b), -EINVAL);
    cr_assert_eq(json_get_bool(object, "t", &b), 1);
    cr_assert(b);
}

/* --- the reader, against json-c */

static json_object *rebuilt(JsonReader *reader);

static json_object *rebuilt_container(JsonReader *reader, bool is_object)
{
    json_object *container = is_object ? json_object_new_object() : json_object_new_array();

    for (json_reader_enter(reader); json_reader_more(reader);) {
        const char *key = is_object ? json_reader_text(reader) : NULL;

        if (is_object)
            json_object_object_add(container, key, rebuilt(reader));
        else
            json_object_array_add(container, rebuilt(reader));
    }
    return container;
}

/* Numbers that are no counts become null. */
static json_object *rebuilt(JsonReader *reader)
{
    JsonKind kind = json_reader_kind(reader);
    uint64_t number;

    switch (kind) {
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        return rebuilt_container(reader, kind == JSON_KIND_OBJECT);
    case JSON_KIND_TEXT:
        return json_object_new_string(json_reader_text(reader));
    case JSON_KIND_BOOL:
        return json_object_new_boolean(json_reader_bool(reader));
    case JSON_KIND_NUMBER:
        return json_reader_uint64(reader, &number) == 0 ? json_object_new_uint64(number) : NULL;
    default:
        json_reader_skip(reader);
        return NULL;
    }
}

Test(json, reader_finds_what_json_c_finds)
{
    static const char *const documents[] = {"{}", "[]", " [ ] ", "{\"a\":{},\"b\":[]}",
            "[[],[[]],{},{\"a\":[{}]}]", "[1,0,18446744073709551615]", "[true,false,null]",
            "{\"a\" : 1 , \"b\" :\t[ 2\n,\r3 ] }", "[\"\",\"a\",\"\xc3\xa4\xe2\x82\xac\"]",
            "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\\\\",\"]}\",\"{[,:\"]",
            "[\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00x\\ud83d\\ude00\"]", "{\"\\u0061\\\"\":\"b\"}",
            "[\"a\\u0001b\"]"};

    for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
        _cleanup_json_ json_object *expected = parsed(documents[i]), *found = NULL;
        _cleanup_free_ char *text = strdup(documents[i]);
        JsonReader reader = {text};

        cr_assert_eq(json_check(text, strlen(text), DEPTH, NULL), 0);
        found = rebuilt(&reader);
        cr_assert(json_object_equal(expected, found), "%s: %s", documents[i],
                json_object_to_json_string(found));
        cr_assert_eq(strspn(reader.at, " "), strlen(reader.at), "%s", documents[i]);
    }
}

Test(json, reader_skips_whole_values)
{
    static const char *const values[] = {"1", "-1.5e3", "true", "null", "\"\"", "\"a\\\"]\"",
            "\"\\\\\"", "[]", "[1,[\"]\",{\"}\":\"\\\"\"}]]", "{\"a\":{\"b\":[]},\"c\":2}"};
    char text[256];

    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        JsonReader reader = {text};
        uint64_t number = 0;

        snprintf(text, sizeof(text), "[ %s ,%s, 7 ]", values[i], values[i]);
        json_reader_enter(&reader);
        for (int n = 0; n < 2; n++) {
            cr_assert(json_reader_more(&reader));
            json_reader_skip(&reader);
        }
        cr_assert(json_reader_more(&reader), "%s", values[i]);
        cr_assert_eq(json_reader_uint64(&reader, &number), 0);
        cr_assert_eq(number, 7, "%s", values[i]);
        cr_assert_not(json_reader_more(&reader));
    }
}

Test(json, reader_refuses_what_is_no_count_and_goes_on)
{
    char text[] =
            "[-1, 1.0, 1e2, 1E2, -0, 8, \"a\\u0000b\", \"\\ud800\", \"\\udc00x\", \"\\ud800\\u0041\"]";
    JsonReader reader = {text};
    uint64_t number = 42;

    json_reader_enter(&reader);
    for (int i = 0; i < 5; i++) {
        cr_assert(json_reader_more(&reader));
        cr_assert_eq(json_reader_uint64(&reader, &number), -EINVAL);
        cr_assert_eq(number, 42);
    }
    cr_assert_eq(json_reader_uint64(&reader, &number), 0);
    cr_assert_eq(number, 8);
    cr_assert_null(json_reader_text(&reader), "it holds a NUL character");
    cr_assert_str_eq(json_reader_text(&reader), "\xef\xbf\xbd");
    cr_assert_str_eq(json_reader_text(&reader), "\xef\xbf\xbdx");
    cr_assert_str_eq(json_reader_text(&reader), "\xef\xbf\xbd"
                                                "A");
    cr_assert_not(json_reader_more(&reader));
}

Test(json, numbers_out_of_range_are_not_clamped)
{
    static const char *const bad[] = {"{\"n\":18446744073709551616}",
            "{\"n\":99999999999999999999999999}", "{\"n\":-9223372036854775809}", "{\"n\":1e30}"};
    uint64_t n = 42;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_json_ json_object *object = NULL;

        /* At the latest when it is read. */
        if (parse(bad[i], strlen(bad[i]), &object, NULL) == 0)
            cr_expect_eq(json_get_uint64(object, "n", &n), -EINVAL, "%s", bad[i]);
    }
    cr_assert_eq(n, 42);
}

Test(json, adders)
{
    _cleanup_json_ json_object *object = json_object_new_object();
    json_object *array = json_object_new_array();

    cr_assert_eq(json_add_string(object, "s", "a\"b"), 0);
    cr_assert_eq(json_add_string(object, "null", NULL), 0);
    cr_assert_eq(json_add_uint64(object, "u", UINT64_MAX), 0);
    cr_assert_eq(json_add_int(object, "i", -1), 0);
    cr_assert_eq(json_add_bool(object, "b", true), 0);
    cr_assert_eq(json_append(array, json_object_new_int(1)), 0);
    cr_assert_eq(json_append(array, NULL), -ENOMEM);
    cr_assert_eq(json_add_object(object, "a", array), 0);
    cr_assert_eq(json_add_object(object, "none", NULL), -ENOMEM);
    cr_assert_str_eq(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
            "{\"s\":\"a\\\"b\",\"null\":null,\"u\":18446744073709551615,\"i\":-1,\"b\":true,\"a\":[1]}");
}

Test(json, what_was_written_can_be_read)
{
    static const double values[] = {0, 0.1, -2.5, 1e300, 3, INFINITY, NAN};
    _cleanup_json_ json_object *object = json_object_new_object(), *again = NULL;
    const char *text;
    char key[8];

    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        snprintf(key, sizeof(key), "k%zu", i);
        cr_assert_eq(json_add_double(object, key, values[i]), 0);
    }
    text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
    cr_assert_eq(parse(text, strlen(text), &again, NULL), 0, "%s", text);
}
