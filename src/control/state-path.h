/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the lists are kept. */

#include "config/config.h"

/* persistence.path; a relative one is in $STATE_DIRECTORY, if systemd.exec(5) set it. Who makes it
 * a link means the file behind it, which need not exist, while its folder must: a write puts a new
 * file in its place, and must not do so to the link. *ret is the caller's. -errno with `error`
 * set. */
int state_path_find(const Config *config, char **ret, ConfigError *error);
