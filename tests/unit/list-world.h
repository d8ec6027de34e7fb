/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists and what is put on them. What can't be made is a failed assertion. */

#include "control/list.h"

Prefix prefix(const char *text);
Prefix numbered(uint32_t n); /* 10.0.0.0 + n */
List *new_list(size_t capacity);
/* As list_add() answers. */
int put(List *list, const Prefix *p, uint64_t expires_ns);
int put_text(List *list, const char *text);
