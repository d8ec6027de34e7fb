/* SPDX-License-Identifier: MIT */
#pragma once

/* uthash with a hash that strangers can't predict. The keys of our tables (addresses, ports) are
 * chosen by whoever sends packets; with uthash's own unseeded function he could also choose which
 * of them share a bucket. Include this instead of <uthash.h>.
 *
 * Out of memory is not fatal: after a HASH_ADD that failed the element's hh.tbl is NULL and the
 * element is not in the table; check it with hash_added(). */

#include <stddef.h>
#include <stdint.h>

/* XXH3 of the bytes under this process' random key. */
uint64_t keyed_hash(const void *bytes, size_t size);

#define HASH_NONFATAL_OOM                  1
#define HASH_FUNCTION(key, size, ret_hash) ((ret_hash) = (unsigned)keyed_hash(key, size))
#define HASH_KEYCMP(a, b, size)            memcmp(a, b, size)
#define hash_added(element)                ((element)->hh.tbl != NULL)

#include <string.h>
#include <uthash.h>
