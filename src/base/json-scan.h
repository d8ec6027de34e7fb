/* SPDX-License-Identifier: MIT */
#pragma once

/* The grammar of RFC 8259, in one pass without recursion or allocation. Private to json-parse.c. */

#include <stdbool.h>
#include <stddef.h>

#define JSON_SCAN_DEPTH_MAX 64

/* Is the text one complete document, in UTF-8, with containers at most `depth_max`
 * (<= JSON_SCAN_DEPTH_MAX) deep? *ret_members counts the members of all its objects. False:
 * *ret_error is a static sentence, *ret_members untouched. */
bool json_scan(
        const char *text, size_t size, int depth_max, size_t *ret_members, const char **ret_error);
