/* SPDX-License-Identifier: MIT */
/* Strict parsing. Even in its strict mode json-c takes what RFC 8259 forbids (raw control
 * characters, "NaN", leading zeros), lets the last of two equal keys win and saturates numbers. So
 * the grammar is checked here first, in one pass without recursion, and json-c only builds the
 * tree. Equal keys show by the count: the tree then has fewer members than the text. */
#include "base/json.h"

#include "base/text.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define DEPTH_LIMIT 64 /* of depth_max */

typedef struct Scanner {
    const char *at, *end;
    int depth, depth_max;
    uint64_t objects; /* bit n: the container at depth n + 1 is an object */
    size_t n_members;
    const char *error;
} Scanner;

static bool fail(Scanner *s, const char *error)
{
    s->error = error;
    return false;
}

static void skip_space(Scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool take(Scanner *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static size_t take_digits(Scanner *s)
{
    const char *start = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - start);
}

/* In [-2^63, 2^64): what json-c can hold without saturating. */
static bool integer_fits(const char *digits, size_t n, bool negative)
{
    char text[24];
    uint64_t value;

    if (n >= sizeof(text))
        return false;
    memcpy(text, digits, n);
    text[n] = '\0';
    return parse_uint64(text, 0, negative ? (uint64_t)INT64_MAX + 1 : UINT64_MAX, &value) == 0;
}

static bool scan_number(Scanner *s)
{
    bool negative = take(s, '-'), integer = true;
    const char *digits = s->at;
    size_t n = take_digits(s);

    if (n == 0 || (*digits == '0' && n > 1))
        return fail(s, "a number is malformed");
    if (take(s, '.')) {
        integer = false;
        if (take_digits(s) == 0)
            return fail(s, "a number is malformed");
    }
    if (take(s, 'e') || take(s, 'E')) {
        integer = false;
        (void)(take(s, '+') || take(s, '-'));
        if (take_digits(s) == 0)
            return fail(s, "a number is malformed");
    }
    if (integer && !integer_fits(digits, n, negative))
        return fail(s, "a number is out of range");
    return true;
}

/* *ret_nul is set by 0000, else left alone. */
static bool take_hex4(Scanner *s, bool *ret_nul)
{
    if (s->end - s->at < 4)
        return false;
    for (int i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)s->at[i]))
            return false;
    if (memcmp(s->at, "0000", 4) == 0)
        *ret_nul = true;
    s->at += 4;
    return true;
}

/* The escape after a backslash. *ret_nul is set by \u0000. */
static bool scan_escape(Scanner *s, bool *ret_nul)
{
    char c = s->at < s->end ? *s->at++ : '\0';

    if (c == 'u' && take_hex4(s, ret_nul))
        return true;
    return (c && strchr("\"\\/bfnrt", c)) || fail(s, "an escape in a string is malformed");
}

static bool scan_string(Scanner *s, bool *ret_nul)
{
    if (!take(s, '"'))
        return fail(s, "a key must be a string in double quotes");
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at++;

        if (c == '"')
            return true;
        if (c < ' ')
            return fail(s, "a string holds an unescaped control character");
        if (c == '\\' && !scan_escape(s, ret_nul))
            return false;
    }
    return fail(s, "the text ends inside a string");
}

static bool scan_literal(Scanner *s)
{
    static const char *const literals[] = {"true", "false", "null"};

    for (size_t i = 0; i < ELEMENTSOF(literals); i++) {
        size_t size = strlen(literals[i]);

        if ((size_t)(s->end - s->at) >= size && memcmp(s->at, literals[i], size) == 0) {
            s->at += size;
            return true;
        }
    }
    return fail(s, s->at == s->end ? "the text ends too early" : "a value is malformed");
}

static bool in_object(const Scanner *s)
{
    return s->depth > 0 && (s->objects >> (s->depth - 1) & 1);
}

/* The key and colon in front of an object's member. */
static bool scan_key(Scanner *s)
{
    bool nul = false;

    skip_space(s);
    if (!scan_string(s, &nul))
        return false;
    if (nul)
        return fail(s, "a key holds a NUL character"); /* where json-c would cut it off */
    skip_space(s);
    s->n_members++;
    return take(s, ':') || fail(s, "a key is not followed by a colon");
}

static bool open_container(Scanner *s, bool object)
{
    if (s->depth == s->depth_max)
        return fail(s, "nested too deeply");
    s->objects &= ~(1ULL << s->depth);
    s->objects |= (uint64_t)object << s->depth;
    s->depth++;
    return true;
}

/* One value's beginning: a scalar as a whole, or a container's bracket. *ret_open tells that a
 * container was opened and has an item to follow. */
static bool scan_value(Scanner *s, bool *ret_open)
{
    bool object, nul;

    *ret_open = false;
    skip_space(s);
    if (s->at < s->end && *s->at == '"')
        return scan_string(s, &nul);
    if (s->at < s->end && (*s->at == '-' || (*s->at >= '0' && *s->at <= '9')))
        return scan_number(s);
    object = take(s, '{');
    if (!object && !take(s, '['))
        return scan_literal(s);
    if (!open_container(s, object))
        return false;
    skip_space(s);
    if (take(s, object ? '}' : ']'))
        s->depth--;
    else
        *ret_open = true;
    return true;
}

/* After a value: closes what ends here. *ret_more tells that another item follows. */
static bool scan_separator(Scanner *s, bool *ret_more)
{
    *ret_more = false;
    while (s->depth > 0) {
        skip_space(s);
        if (take(s, ',')) {
            *ret_more = true;
            return true;
        }
        if (!take(s, in_object(s) ? '}' : ']'))
            return fail(s, s->at == s->end ? "the text ends too early"
                                           : "a comma or a closing bracket is missing");
        s->depth--;
    }
    return true;
}

static bool scan_document(Scanner *s)
{
    bool more = true;

    while (more) {
        if (in_object(s) && !scan_key(s))
            return false;
        if (!scan_value(s, &more))
            return false;
        if (!more && !scan_separator(s, &more))
            return false;
    }
    skip_space(s);
    return s->at == s->end || fail(s, "something follows the value");
}

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

static bool check(Scanner *s, const char *text, size_t size)
{
    if (size >= INT_MAX) /* json-c's */
        return fail(s, "too long");
    return (text_is_utf8(text, size) || fail(s, "not valid UTF-8")) && scan_document(s);
}

static Scanner scanner(const char *text, size_t size, int depth_max)
{
    return (Scanner){.at = text, .end = text + size, .depth_max = MIN_OF(depth_max, DEPTH_LIMIT)};
}

int json_check(const char *text, size_t size, int depth_max, const char **ret_error)
{
    Scanner s = scanner(text, size, depth_max);

    return check(&s, text, size) ? 0 : refuse(ret_error, s.error);
}

int json_parse_strict(
        const char *text, size_t size, int depth_max, json_object **ret, const char **ret_error)
{
    Scanner s = scanner(text, size, depth_max);
    _cleanup_json_ json_object *value = NULL;
    int r;

    if (!check(&s, text, size))
        return refuse(ret_error, s.error);
    r = build(text, size, s.depth_max, &value);
    if (r < 0)
        return r == -EINVAL ? refuse(ret_error, "not understood") : r;
    if (count_members(value) != s.n_members)
        return refuse(ret_error, "a key appears twice in one object");
    *ret = TAKE_PTR(value);
    return 0;
}
