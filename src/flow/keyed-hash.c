/* SPDX-License-Identifier: MIT */
#include "flow/keyed-hash.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* At early boot getrandom() would block; the address of the stack and the time are then better than
 * a daemon that hangs. */
static uint64_t make_seed(void)
{
    uint64_t seed = 0;
    struct timespec now;

    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
        return seed;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) ^ (uint64_t)(uintptr_t)&seed;
}

unsigned keyed_hash_log2(size_t elements)
{
    unsigned log2 = 5;

    while (log2 < 20 && (size_t)1 << log2 < elements)
        log2++;
    return log2;
}

uint64_t keyed_hash(const void *bytes, size_t size)
{
    static uint64_t seed;
    static _Bool seeded;

    if (!seeded) {
        seed = make_seed();
        seeded = 1;
    }
    return XXH3_64bits_withSeed(bytes, size, seed);
}
