/* SPDX-License-Identifier: MIT */
#include "http/json-out.h"

#include "base/clock.h"

#include <string.h>

static void begin(JsonOut *out, const char *key)
{
    if (out->comma)
        text_append(out->text, ",");
    out->comma = true;
    if (key) {
        text_append(out->text, "\"");
        text_append(out->text, key);
        text_append(out->text, "\":");
    }
}

void json_open(JsonOut *out, const char *key, char bracket)
{
    begin(out, key);
    text_append_bytes(out->text, &bracket, 1);
    out->comma = false;
}

void json_close(JsonOut *out, char bracket)
{
    text_append_bytes(out->text, &bracket, 1);
    out->comma = true;
}

static void append_escaped(TextBuffer *text, unsigned char byte, bool utf8)
{
    if (byte == '"' || byte == '\\') {
        char pair[2] = {'\\', (char)byte};
        text_append_bytes(text, pair, 2);
    } else if (byte < 0x20 || byte == 0x7f)
        text_appendf(text, "\\u%04x", byte);
    else if (byte >= 0x80 && !utf8)
        text_append(text, "?");
    else
        text_append_bytes(text, &byte, 1);
}

/* Plain runs are copied at once; most texts are one. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

void json_out_string(JsonOut *out, const char *key, const char *value)
{
    begin(out, key);
    if (!value) {
        text_append(out->text, "null");
        return;
    }
    bool utf8 = text_is_utf8(value, strlen(value));
    text_append(out->text, "\"");
    while (*value) {
        size_t run = 0;

        while (is_plain((unsigned char)value[run]))
            run++;
        text_append_bytes(out->text, value, run);
        value += run;
        if (*value)
            append_escaped(out->text, (unsigned char)*value++, utf8);
    }
    text_append(out->text, "\"");
}

void json_out_uint64(JsonOut *out, const char *key, uint64_t value)
{
    begin(out, key);
    text_append_uint64(out->text, value);
}

void json_out_double(JsonOut *out, const char *key, double value)
{
    begin(out, key);
    text_appendf(out->text, "%.3f", value);
}

void json_out_time(JsonOut *out, const char *key, uint64_t wall_ns)
{
    char text[TIME_TEXT_MAX];

    json_out_string(out, key, wall_ns > 0 ? time_format_rfc3339(wall_ns, text) : NULL);
}

void json_out_moment(JsonOut *out, const char *key, uint64_t monotonic_ns)
{
    json_out_time(out, key, clock_wall_of_monotonic_ns(monotonic_ns));
}

void json_out_bool(JsonOut *out, const char *key, bool value)
{
    begin(out, key);
    text_append(out->text, value ? "true" : "false");
}
