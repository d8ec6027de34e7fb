/* SPDX-License-Identifier: MIT */
#pragma once

/* Plain diagnostic lines to stderr, for people who start ntc by hand and for what is too small to
 * be a notable event (those go through journal/). Under systemd each line carries its priority as
 * <N> (sd-daemon(3)), so the journal sorts it right, and a line that a hung journald doesn't take
 * at once is lost and counted. */

#include "base/cleanup.h"

#include <stdint.h>
#include <syslog.h>

void log_set_level(int level); /* LOG_ERR .. LOG_DEBUG; default LOG_INFO */
int log_get_level(void);
/* syslog's names: emerg, alert, crit, err, warning, notice, info, debug. -EINVAL. */
int log_level_of(const char *name);
const char *log_level_name(int level);
uint64_t log_lost(void); /* lines; any thread */

void log_line(int level, const char *format, ...) _printf_(2, 3);

#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
