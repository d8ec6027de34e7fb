/* SPDX-License-Identifier: MIT */
#pragma once

/* The web UI's files, compiled into the program (-Dweb=disabled: none). A path is looked up in a
 * table, never in the file system. */

#include "http/request.h"

/* Is there a file under this path? "/" is the page itself. */
bool assets_has(const char *path);

/* The file under request->path: compressed where the client takes gzip, 304 where it has it
 * already. False, and no reply, if there is none. */
bool assets_reply(Request *request);
