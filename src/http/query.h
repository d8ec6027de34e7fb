/* SPDX-License-Identifier: MIT */
#pragma once

/* The query string, strictly: a name that the route doesn't know, one given twice, an embedded NUL
 * or a bad number is an error for the client, not a default. */

#include "http/request.h"

/* Holds the query against `known` (NULL-terminated). False: request->reply is the error. */
bool query_check(Request *request, const char *const *known);
const char *query_text(const Request *request, const char *name); /* decoded; NULL when absent */
/* False: request->reply is the error. Absent: `fallback`. */
bool query_uint64(
        Request *request, const char *name, uint64_t max, uint64_t fallback, uint64_t *ret);
/* The index of the value in `words` (NULL-terminated), ignoring case. Absent: 0. */
bool query_word(Request *request, const char *name, const char *const *words, size_t *ret);
