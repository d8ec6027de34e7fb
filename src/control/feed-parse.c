/* SPDX-License-Identifier: MIT */
#include "control/feed-parse.h"

#include "base/text.h"

#include <string.h>

#define FEED_LINE_MAX  1024 /* bytes; none that means something is longer */
#define FEED_WORDS_MAX 3    /* of which anything depends */
#define BLANKS         " \t\r\v\f"

/* What can't be shown on one line is left out: it is only a remark. */
static void take_comment(FeedLine *line, char *text)
{
    size_t size;

    text += strspn(text, "#;" BLANKS);
    size = strlen(text);
    while (size > 0 && strchr(BLANKS, text[size - 1]))
        text[--size] = '\0';
    if (size < sizeof(line->comment) && text_is_printable(text))
        strcpy(line->comment, text);
}

/* Cuts `text` into words, in place. Returns how many there are of the first FEED_WORDS_MAX. */
static size_t split(char *text, char *words[static FEED_WORDS_MAX])
{
    char *position = NULL;
    size_t n = 0;

    for (char *word = strtok_r(text, BLANKS, &position); word && n < FEED_WORDS_MAX;
            word = strtok_r(NULL, BLANKS, &position))
        words[n++] = word;
    return n;
}

static const char *parse_prefix(const char *text, Prefix *ret)
{
    PrefixError error;

    return prefix_parse(text, ret, &error) < 0 ? prefix_error_message(error) : NULL;
}

/* First address, last address, length. */
static const char *parse_range(char *const words[static FEED_WORDS_MAX], Prefix *ret)
{
    char text[PREFIX_TEXT_MAX];
    const char *error;
    Address last;

    if (address_parse(words[1], &last) < 0)
        return "one address or prefix a line; comments begin with # or ;";
    if (snprintf(text, sizeof(text), "%s/%s", words[0], words[2]) >= (int)sizeof(text))
        return prefix_error_message(PREFIX_NOT_AN_ADDRESS);
    error = parse_prefix(text, ret);
    if (!error && !prefix_contains_address(ret, &last))
        error = "the last address is not in the range of the first one and the length";
    return error;
}

/* True if the line says something. */
static bool parse_line(char *text, FeedLine *line)
{
    char *words[FEED_WORDS_MAX], *comment = strpbrk(text, "#;");
    size_t n;

    if (comment) {
        take_comment(line, comment);
        *comment = '\0';
    }
    n = split(text, words);
    if (n == 0 || strcmp(words[0], "Start") == 0) /* DShield's heading */
        return false;
    if (n == 1)
        line->error = parse_prefix(words[0], &line->prefix);
    else if (n == 2)
        line->error = "one address or prefix a line; comments begin with # or ;";
    else
        line->error = parse_range(words, &line->prefix);
    return true;
}

static void one_line(const char *begin, size_t size, uint32_t number, FeedLineFn fn, void *userdata)
{
    FeedLine line = {.number = number};
    char text[FEED_LINE_MAX + 1];

    if (size > FEED_LINE_MAX)
        line.error = "the line is too long";
    else if (memchr(begin, '\0', size))
        line.error = "the line has a NUL byte";
    if (line.error) {
        fn(&line, userdata);
        return;
    }
    memcpy(text, begin, size);
    text[size] = '\0';
    if (parse_line(text, &line))
        fn(&line, userdata);
}

void feed_parse(const char *text, size_t size, FeedLineFn fn, void *userdata)
{
    uint32_t number = 0;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;

        one_line(text, length, ++number, fn, userdata);
        length += end ? 1 : 0;
        text += length;
        size -= length;
    }
}
