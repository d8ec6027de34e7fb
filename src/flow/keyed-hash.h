/* SPDX-License-Identifier: MIT */
#pragma once

/* uthash with a hash that strangers can't predict. The keys of our tables (addresses, ports) are
 * chosen by whoever sends packets; with uthash's own unseeded function he could also choose which
 * of them share a bucket. Include this instead of <uthash.h>.
 *
 * Out of memory is not fatal: after a HASH_ADD that failed the element's hh.tbl is NULL and the
 * element is not in the table; check it with hash_added().
 *
 * uthash begins with 32 buckets and doubles them when a chain has ten elements, each of which is a
 * walk through cold memory. Who knows how many there will be defines HASH_BUCKETS_LOG2 before, an
 * expression in the scope of each HASH_ADD: then chains have one or two. */

#include <stddef.h>
#include <stdint.h>

/* XXH3 of the bytes under this process' random key. */
uint64_t keyed_hash(const void *bytes, size_t size);
/* HASH_BUCKETS_LOG2 for so many elements; up to 2^20 buckets. */
unsigned keyed_hash_log2(size_t elements);

#define HASH_NONFATAL_OOM                  1
#define HASH_FUNCTION(key, size, ret_hash) ((ret_hash) = (unsigned)keyed_hash(key, size))
#define HASH_KEYCMP(a, b, size)            memcmp(a, b, size)
#define hash_added(element)                ((element)->hh.tbl != NULL)

/* Pages of a large table that no element is in stay untouched. */
#define uthash_malloc(size)    calloc(1, size)
#define uthash_bzero(at, size) ((void)0)

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#ifdef HASH_BUCKETS_LOG2
#    undef HASH_INITIAL_NUM_BUCKETS
#    undef HASH_INITIAL_NUM_BUCKETS_LOG2
#    define HASH_INITIAL_NUM_BUCKETS_LOG2 (HASH_BUCKETS_LOG2)
#    define HASH_INITIAL_NUM_BUCKETS      (1U << HASH_INITIAL_NUM_BUCKETS_LOG2)
#endif
