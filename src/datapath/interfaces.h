/* SPDX-License-Identifier: MIT */
#pragma once

/* Which interfaces the configuration's words mean: a name, a shell glob (fnmatch(3)), or "auto",
 * the interfaces of the default routes. Asks the kernel over rtnetlink(7). */

#include "config/config.h"

#define INTERFACES_MAX 64

typedef struct Interface {
    uint32_t ifindex;
    char name[16]; /* IFNAMSIZ */
} Interface;

/* The interfaces of this network namespace that match any of `patterns`, each once, into `ret`.
 * Returns how many (0 is no error), or -errno. */
int interfaces_match(const StringList *patterns, Interface ret[static INTERFACES_MAX]);
