/* SPDX-License-Identifier: MIT */
#pragma once

/* Which users of this machine may change things without a token: root, the daemon's own user, and
 * the members of the group. Whoever must know about users and groups may be far away (LDAP): they
 * are asked when the set is made, never while a request waits. */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MEMBERS_GROUP "ntc"

typedef struct Members Members;

/* Asks the system for `group`: may block for long. A group that doesn't exist has no members; of
 * one with more than a thousand some are left out, and that is logged. Only -ENOMEM is an error. */
int members_new(const char *group, Members **ret);
Members *members_free(Members *members);
DEFINE_CLEANUP(Members *, members_free);

bool members_contain(const Members *members, uint32_t uid);
/* As above for a process with these groups, which it may have without being listed (newgrp(1)). */
bool members_have_group(const Members *members, gid_t gid);
size_t members_count(const Members *members);
