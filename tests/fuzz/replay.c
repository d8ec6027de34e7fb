/* SPDX-License-Identifier: MIT */
/* Runs a target on the files of the folders it is given, the empty input, and every beginning of
 * short files: what an ordinary test may ask of a fuzz target. */

#include "fuzz.h"

#include <dirent.h>
#include <limits.h>

enum { FILE_BYTES_MAX = 1 << 20, CUT_BYTES_MAX = 512 };

static uint8_t bytes[FILE_BYTES_MAX];

/* From memory of its own, exactly as long. */
static void run(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    CHECK(copy);
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t run_file(const char *path)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    size_t size, n = 1;

    CHECK(file);
    size = fread(bytes, 1, sizeof(bytes), file);
    run(size);
    for (size_t cut = 0; size <= CUT_BYTES_MAX && cut < size; cut++, n++)
        run(cut);
    return n;
}

static size_t run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    char path[PATH_MAX];
    size_t n = 0;

    CHECK(dir);
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (d->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
        n += run_file(path);
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    size_t n = 0;

    for (int i = 1; i < argc; i++)
        n += run_folder(argv[i]);
    printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1; /* a test of nothing is no test */
}
