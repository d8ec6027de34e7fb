/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <string.h>

Test(text, numbers)
{
    uint64_t n = 42;

    cr_assert_eq(parse_uint64("18446744073709551615", 0, UINT64_MAX, &n), 0);
    cr_assert_eq(n, UINT64_MAX);
    cr_assert_eq(parse_uint64("0", 0, 9, &n), 0);
    cr_assert_eq(n, 0);
}

Test(text, numbers_refused)
{
    static const char *const bad[] = {
            "", " 1", "1 ", "+1", "-1", "0x1", "1e3", "1.0", "1,000", "a", "99999999999999999999x"};
    uint64_t n = 42;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        cr_assert_eq(parse_uint64(bad[i], 0, UINT64_MAX, &n), -EINVAL, "%s", bad[i]);
    cr_assert_eq(parse_uint64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
    cr_assert_eq(parse_uint64("99999999999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
    cr_assert_eq(parse_uint64("0", 1, 9, &n), -ERANGE);
    cr_assert_eq(parse_uint64("10", 1, 9, &n), -ERANGE);
    cr_assert_eq(n, 42);
}

Test(text, durations)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = {{"0", 0}, {"90", 90}, {"90s", 90}, {"15min", 900}, {"1h", 3600}, {"7d", 604800},
            {"1h30min", 5400}, {"1d2h3min4s", 93784}};
    static const char *const bad[] = {
            "", "s", "1x", "1h 30min", " 1h", "-1h", "1.5h", "h1", "1hmin", "1H", "1ms"};
    uint64_t seconds = 0;

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        cr_assert_eq(parse_duration_sec(cases[i].text, &seconds), 0, "%s", cases[i].text);
        cr_assert_eq(seconds, cases[i].seconds, "%s", cases[i].text);
    }
    seconds = 42;
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        cr_assert_eq(parse_duration_sec(bad[i], &seconds), -EINVAL, "%s", bad[i]);
    cr_assert_eq(parse_duration_sec("18446744073709551615d", &seconds), -ERANGE);
    cr_assert_eq(parse_duration_sec("18446744073709551615s1s", &seconds), -ERANGE);
    cr_assert_eq(seconds, 42);
}

Test(text, distance)
{
    char a[400], b[400];

    cr_assert_eq(text_distance("", ""), 0);
    cr_assert_eq(text_distance("port", ""), 4);
    cr_assert_eq(text_distance("prot", "port"), 2);
    cr_assert_eq(text_distance("kitten", "sitting"), 3);
    cr_assert_eq(text_distance("sitting", "kitten"), 3);
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
    cr_assert_geq(text_distance(a, b), 64);
    cr_assert_geq(text_distance(a, "port"), 60);
    cr_assert_geq(text_distance("port", a), 60);
}

Test(text, utf8)
{
    static const char *const good[] = {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x92\xa9",
            "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"};
    /* Lone and missing continuation, overlong forms, surrogates, beyond the last, no lead byte. */
    static const char *const bad[] = {"\x80", "\xc3", "\xc3z", "\xe2\x82", "\xf0\x9f\x92",
            "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
            "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80",
            "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "a\xc3\xa9\xc3"};

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        cr_assert(text_is_utf8(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        cr_assert(!text_is_utf8(bad[i], strlen(bad[i])), "bad %zu", i);
        cr_assert(!text_is_printable(bad[i]), "bad %zu", i);
    }
    cr_assert(text_is_utf8("a\0b", 3), "NUL is a character");
}

Test(text, printable)
{
    /* newline, escape, DEL, a C1 control; line and paragraph separators, and what reverses the text
     * that follows it on the line */
    static const char *const bad[] = {"a\nb", "\x1b[2J", "\x7f", "\xc2\x9b", "\xe2\x80\xa8",
            "\xe2\x80\xa9", "\xe2\x80\xae", "\xe2\x81\xa6", "\t"};

    cr_assert(text_is_printable("My phone, \xc3\xa9t\xc3\xa9 \xf0\x9f\x93\xb1"));
    cr_assert(text_is_printable("\xc2\xa0"), "the first after the C1 controls");
    cr_assert(text_is_printable(""));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        cr_assert(!text_is_printable(bad[i]), "bad %zu", i);
}

Test(text, fit_cuts_no_character)
{
    cr_assert_eq(text_fit("", 3), 0);
    cr_assert_eq(text_fit("abc", 3), 3);
    cr_assert_eq(text_fit("abcd", 3), 3);
    cr_assert_eq(text_fit("ab\xc3\xa9", 4), 4);
    cr_assert_eq(text_fit("ab\xc3\xa9", 3), 2);
    cr_assert_eq(text_fit("\xf0\x9f\x93\xb1", 3), 0);
}

Test(text, foreign_bytes_become_question_marks)
{
    static const char good[] = "\xc3\xa4 b";
    char buffer[6];

    cr_assert_eq(text_to_utf8(good, buffer, sizeof(buffer)), good);
    cr_assert_str_eq(text_to_utf8("a\xff\xc3z", buffer, sizeof(buffer)), "a??z");
    cr_assert_str_eq(text_to_utf8("\xc3\xa4\xff and more", buffer, sizeof(buffer)), "??? a");
}

Test(text, buffer_grows_and_ends_in_nul)
{
    _cleanup_(text_done) TextBuffer buffer = {};
    size_t size = 0;

    for (uint64_t i = 0; i < 5000; i++) {
        text_append(&buffer, "item ");
        text_append_uint64(&buffer, i);
        text_appendf(&buffer, "=%s;", "x");
        cr_assert_eq(buffer.data[buffer.size], '\0');
        cr_assert_gt(buffer.size, size);
        size = buffer.size;
    }
    cr_assert(!buffer.failed);
    cr_assert_eq(strlen(buffer.data), buffer.size);
    cr_assert_eq(strncmp(buffer.data, "item 0=x;item 1=x;", 18), 0);
    cr_assert_str_eq(buffer.data + buffer.size - 9, "m 4999=x;");
    text_clear(&buffer);
    cr_assert_eq(buffer.size, 0);
    cr_assert_str_eq(buffer.data, "");
    text_append_uint64(&buffer, UINT64_MAX);
    cr_assert_str_eq(buffer.data, "18446744073709551615");
}

Test(text, buffer_takes_bytes_and_keeps_a_failure)
{
    _cleanup_(text_done) TextBuffer buffer = {};

    text_append_bytes(&buffer, "a\0b", 3);
    cr_assert_eq(buffer.size, 3);
    cr_assert_eq(memcmp(buffer.data, "a\0b", 4), 0);
    text_append_bytes(&buffer, "", SIZE_MAX); /* nothing of it is read: there can't be room */
    cr_assert(buffer.failed);
    text_append(&buffer, "more");
    cr_assert_eq(buffer.size, 3);
}

/* Runs `say` with stderr in a pipe, and gives what came out. */
static void captured(void (*say)(void), char *ret, size_t size)
{
    int fds[2], saved = dup(STDERR_FILENO);
    ssize_t n;

    cr_assert_eq(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    say();
    dup2(saved, STDERR_FILENO);
    close(saved);
    n = read(fds[0], ret, size - 1);
    close(fds[0]);
    ret[n > 0 ? n : 0] = '\0';
}

static void say_forged(void)
{
    errno = ENOENT;
    log_info("%s: %m", "one\n<0>two\x1b[2J");
    cr_assert_eq(errno, ENOENT);
    log_debug("not shown");
}

static void say_long(void)
{
    char text[5000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_warning("%s", text);
}

Test(log, one_line_is_one_line)
{
    char text[8192];

    captured(say_forged, text, sizeof(text));
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
    cr_assert_null(strchr(text, '\x1b'));
    cr_assert_not_null(strstr(text, "No such file or directory"));
    captured(say_long, text, sizeof(text));
    cr_assert_gt(strlen(text), 1000);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
