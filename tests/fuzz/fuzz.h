/* SPDX-License-Identifier: MIT */
#pragma once

/* What the fuzz targets share. Each fuzz-NAME.c holds one reader of foreign bytes against what must
 * hold for whatever it is given, not only against crashes. libFuzzer calls it with inputs of its
 * own; replay.c with those of corpus/NAME, as an ordinary test. */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition) fuzz_check(condition, __FILE__, __LINE__, #condition)

static inline void fuzz_check(bool ok, const char *file, int line, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

/* A terminated copy, exactly as long: a read beyond it is one that ASan sees. The caller's. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}
