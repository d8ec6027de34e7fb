/* SPDX-License-Identifier: MIT */
/* Commas and colons are skipped like white space: json_check() has seen that they stand where they
 * should. */

#include "base/json-reader.h"

#include <errno.h>
#include <string.h>

static void skip_filling(JsonReader *reader)
{
    while (*reader->at == ' ' || *reader->at == ',' || *reader->at == ':' || *reader->at == '\n' ||
            *reader->at == '\t' || *reader->at == '\r')
        reader->at++;
}

JsonKind json_reader_kind(JsonReader *reader)
{
    skip_filling(reader);
    switch (*reader->at) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_ARRAY;
    case '"':
        return JSON_KIND_TEXT;
    case 't':
    case 'f':
        return JSON_KIND_BOOL;
    case 'n':
        return JSON_KIND_NULL;
    default:
        return JSON_KIND_NUMBER;
    }
}

void json_reader_enter(JsonReader *reader)
{
    skip_filling(reader);
    reader->at++;
}

bool json_reader_more(JsonReader *reader)
{
    skip_filling(reader);
    if (*reader->at != ']' && *reader->at != '}')
        return true;
    reader->at++;
    return false;
}

/* The end of a text, or the next escape in it. */
static char *plain_end(char *at)
{
    while (*at != '"' && *at != '\\')
        at++;
    return at;
}

/* --- texts */

static uint32_t hex4(const char *digits)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        char c = digits[i];

        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* The character of an escape \uXXXX, or of a pair of them, from its digits on. */
static uint32_t take_unicode(char **from)
{
    uint32_t c = hex4(*from), low;

    *from += 4;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c > 0xdbff || (*from)[0] != '\\' || (*from)[1] != 'u')
        return 0xfffd;
    low = hex4(*from + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    *from += 6;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* Never longer than the escape. *from stands behind the backslash. */
static char *unescape(char **from, char *to, bool *has_nul)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    char c = *(*from)++;
    const char *letter = strchr(letters, c);
    uint32_t unicode;

    if (c != 'u') {
        *to = letter ? meanings[letter - letters] : c;
        return to + 1;
    }
    unicode = take_unicode(from);
    *has_nul |= unicode == 0;
    return put_utf8(to, unicode);
}

const char *json_reader_text(JsonReader *reader)
{
    bool has_nul = false;
    char *begin, *from, *to;

    skip_filling(reader);
    begin = reader->at + 1;
    from = to = plain_end(begin);
    while (*from != '"') {
        if (*from == '\\') {
            from++;
            to = unescape(&from, to, &has_nul);
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    reader->at = from + 1;
    return has_nul ? NULL : begin;
}

/* --- other values */

int json_reader_uint64(JsonReader *reader, uint64_t *ret)
{
    uint64_t value = 0;
    size_t digits;

    skip_filling(reader);
    digits = strspn(reader->at, "0123456789");
    if (digits == 0 || strspn(reader->at + digits, ".eE") > 0) {
        json_reader_skip(reader);
        return -EINVAL;
    }
    for (; digits > 0; digits--)
        value = value * 10 + (uint64_t)(*reader->at++ - '0');
    *ret = value;
    return 0;
}

bool json_reader_bool(JsonReader *reader)
{
    bool value;

    skip_filling(reader);
    value = *reader->at == 't';
    json_reader_skip(reader);
    return value;
}

static char *skip_text(char *quote)
{
    char *at = plain_end(quote + 1);

    while (*at == '\\')
        at = plain_end(at + 2);
    return at + 1;
}

/* To where the brackets are balanced again. */
static char *skip_container(char *at)
{
    size_t depth = 0;

    do {
        if (*at == '"') {
            at = skip_text(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (depth > 0);
    return at;
}

void json_reader_skip(JsonReader *reader)
{
    switch (json_reader_kind(reader)) {
    case JSON_KIND_TEXT:
        reader->at = skip_text(reader->at);
        break;
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        reader->at = skip_container(reader->at);
        break;
    default:
        reader->at += strcspn(reader->at, ",]} \t\r\n");
    }
}
