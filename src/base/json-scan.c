/* SPDX-License-Identifier: MIT */
#include "base/json-scan.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

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

bool json_scan(
        const char *text, size_t size, int depth_max, size_t *ret_members, const char **ret_error)
{
    Scanner s = {.at = text, .end = text + size, .depth_max = depth_max};
    bool good = (text_is_utf8(text, size) || fail(&s, "not valid UTF-8")) && scan_document(&s);

    if (good)
        *ret_members = s.n_members;
    else
        *ret_error = s.error;
    return good;
}
