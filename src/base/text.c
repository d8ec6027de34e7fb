/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <string.h>

int parse_uint64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (!text[0])
        return -EINVAL;
    for (const char *p = text; *p; p++)
        if (!isdigit((unsigned char)*p))
            return -EINVAL;
    for (; *text; text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return -ERANGE;
    }
    if (value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

typedef struct Unit {
    const char *name;
    uint64_t seconds;
} Unit;

static const Unit *unit_of(const char *text, size_t size)
{
    static const Unit units[] = {{"", 1}, {"s", 1}, {"sec", 1}, {"m", 60}, {"min", 60}, {"h", 3600},
            {"d", 86400}, {"w", 604800}};

    for (size_t i = 0; i < ELEMENTSOF(units); i++)
        if (strlen(units[i].name) == size && strncmp(units[i].name, text, size) == 0)
            return &units[i];
    return NULL;
}

/* One "15min" at *text; moves it past. A bare number must be the last. */
static int parse_part(const char **text, uint64_t *ret_sec)
{
    size_t digits = strspn(*text, "0123456789");
    size_t letters = strspn(*text + digits, "abcdefghijklmnopqrstuvwxyz");
    const Unit *unit = unit_of(*text + digits, letters);
    char number[24];
    uint64_t value;
    int r;

    if (digits == 0 || digits >= sizeof(number) || !unit)
        return -EINVAL;
    memcpy(number, *text, digits);
    number[digits] = '\0';
    *text += digits + letters;
    if (letters == 0 && **text)
        return -EINVAL;
    r = parse_uint64(number, 0, UINT64_MAX, &value);
    if (r < 0)
        return r;
    return __builtin_mul_overflow(value, unit->seconds, ret_sec) ? -ERANGE : 0;
}

int parse_duration_sec(const char *text, uint64_t *ret_sec)
{
    uint64_t sum = 0, part;
    int r;

    if (!text[0])
        return -EINVAL;
    while (*text) {
        r = parse_part(&text, &part);
        if (r < 0)
            return r;
        if (__builtin_add_overflow(sum, part, &sum))
            return -ERANGE;
    }
    *ret_sec = sum;
    return 0;
}

/* One row of the table is kept. Longer texts are cut: nobody means something by them. */
size_t text_distance(const char *a, const char *b)
{
    size_t row[65], b_size = strnlen(b, 64);

    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= strnlen(a, 64); i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = MIN_OF(row[j], row[j - 1]) + 1;
            row[j] = MIN_OF(row[j], change);
        }
    }
    return row[b_size];
}

/* The size of the well-formed sequence at `p` (RFC 3629: shortest form, no surrogates, <=
 * U+10FFFF); 0. */
static size_t utf8_sequence(const unsigned char *p, size_t size)
{
    uint32_t code;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > size)
        return 0;
    code = p[0] & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if ((n == 3 && code < 0x800) || (n == 4 && code < 0x10000) || code > 0x10ffff ||
            (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return n;
}

/* Of the next bytes, eight at a time, how many are plain ASCII. */
static size_t ascii_bytes(const unsigned char *p, size_t size)
{
    uint64_t word;
    size_t n = 0;

    for (; n + sizeof(word) <= size; n += sizeof(word)) {
        memcpy(&word, p + n, sizeof(word));
        if (word & 0x8080808080808080)
            break;
    }
    return n;
}

bool text_is_utf8(const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;

    while (size > 0) {
        size_t n = ascii_bytes(p, size);

        if (n == 0)
            n = utf8_sequence(p, size);

        if (n == 0)
            return false;
        p += n;
        size -= n;
    }
    return true;
}

const char *text_to_utf8(const char *text, char *buffer, size_t size)
{
    size_t n = 0;

    if (text_is_utf8(text, strlen(text)))
        return text;
    for (; text[n] && n + 1 < size; n++)
        buffer[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
    buffer[n] = '\0';
    return buffer;
}

/* True if the sequence at `p`, which is well-formed, is a control (C0, DEL, C1), ends a line
 * (U+2028, U+2029) or turns the direction of what follows it, so that a line reads as something
 * else than it is (U+202A to U+202E, U+2066 to U+2069). */
static bool disturbs_line(const unsigned char *p)
{
    if (p[0] < 0x20 || p[0] == 0x7f)
        return true;
    if (p[0] == 0xc2)
        return p[1] < 0xa0;
    return p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
                                   (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

bool text_is_printable(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t size = strlen(text);

    if (!text_is_utf8(text, size))
        return false;
    for (; *p; p += utf8_sequence(p, size))
        if (disturbs_line(p))
            return false;
    return true;
}

int text_fit(const char *text, int max)
{
    int n = (int)strnlen(text, (size_t)max + 1);

    if (n <= max)
        return n;
    for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
        ;
    return n;
}

static bool reserve(TextBuffer *buffer, size_t more)
{
    size_t needed = buffer->size + more + 1, allocated = MAX_OF(buffer->allocated, (size_t)256);
    char *data;

    if (buffer->failed)
        return false;
    if (more >= SIZE_MAX / 2 - buffer->size) { /* neither the sum nor the doubling may overflow */
        buffer->failed = true;
        return false;
    }
    if (needed <= buffer->allocated)
        return true;
    while (allocated < needed)
        allocated *= 2;
    data = realloc(buffer->data, allocated);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->allocated = allocated;
    return true;
}

void text_append_bytes(TextBuffer *buffer, const void *bytes, size_t size)
{
    if (!reserve(buffer, size))
        return;
    if (size > 0)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void text_append(TextBuffer *buffer, const char *text)
{
    text_append_bytes(buffer, text, strlen(text));
}

void text_append_uint64(TextBuffer *buffer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    text_append_bytes(buffer, digits + at, sizeof(digits) - at);
}

/* Most texts fit where there is room for a short one. */
void text_vappendf(TextBuffer *buffer, const char *format, va_list args)
{
    va_list again;
    size_t room;
    int n;

    if (!reserve(buffer, 64))
        return;
    room = buffer->allocated - buffer->size;
    va_copy(again, args);
    n = vsnprintf(buffer->data + buffer->size, room, format, args);
    if (n < 0)
        buffer->failed = true;
    else if ((size_t)n >= room && reserve(buffer, (size_t)n))
        vsnprintf(buffer->data + buffer->size, (size_t)n + 1, format, again);
    if (buffer->failed)
        buffer->data[buffer->size] = '\0';
    else
        buffer->size += (size_t)n;
    va_end(again);
}

void text_appendf(TextBuffer *buffer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vappendf(buffer, format, args);
    va_end(args);
}

void text_clear(TextBuffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void text_done(TextBuffer *buffer)
{
    free(buffer->data);
    *buffer = (TextBuffer){};
}
