/* SPDX-License-Identifier: MIT */
/* Feed files. Lines come in order, each good or with a reason, prefixes are canonical, remarks are
 * fit to be shown. */

#include "fuzz.h"

#include "base/text.h"
#include "control/feed-parse.h"

typedef struct Seen {
    uint32_t lines;
    uint32_t last;
} Seen;

static void on_line(const FeedLine *line, void *userdata)
{
    Seen *seen = userdata;
    char text[PREFIX_TEXT_MAX];
    Prefix back;

    CHECK(line->number > seen->last && line->number <= seen->lines);
    seen->last = line->number;
    if (line->error) {
        CHECK(line->error[0]);
        return;
    }
    CHECK(prefix_parse(prefix_format(&line->prefix, text), &back, NULL) == 0);
    CHECK(prefix_equal(&line->prefix, &back));
    CHECK(strlen(line->comment) < sizeof(line->comment) && text_is_printable(line->comment));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1); /* not terminated, as promised */
    Seen seen = {.lines = 1};

    CHECK(bytes);
    memcpy(bytes, data, size);
    for (size_t i = 0; i < size; i++)
        seen.lines += data[i] == '\n';
    feed_parse(bytes, size, on_line, &seen);
    free(bytes);
    return 0;
}
