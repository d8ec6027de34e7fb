/* SPDX-License-Identifier: MIT */
#pragma once

/* Which Host headers are believed. A web page of a stranger can make its own name resolve to this
 * machine (DNS rebinding); it can't make a browser send an IP literal or a name that no public DNS
 * holds. */

#include "config/config.h"

typedef enum HostVerdict {
    HOST_ALLOWED,
    HOST_FOREIGN,
    HOST_MALFORMED,
    _HOST_VERDICT_MAX,
} HostVerdict;

/* `host` as in the header, with or without a port; `own` is this machine's name, "" when unknown.
 */
HostVerdict host_check(const char *host, const char *own, const StringList *allowed);
/* Is `origin` (RFC 6454: scheme://host[:port]) the site that `host` stands for? */
bool host_is_origin(const char *host, const char *origin);
