/* SPDX-License-Identifier: MIT */
#pragma once

/* The clocks, and who uses which. Modules never ask for the time themselves: they take `now` as a
 * parameter, so that tests need not sleep.
 *
 * - monotonic: the kernel program's time stamps (bpf_ktime_get_coarse_ns) and everything compared
 *   with them.
 * - boottime: deadlines of list entries. It goes on during suspend, and nobody sets it.
 * - wall: only what is shown to a person or written for another machine. */

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL
#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL

uint64_t clock_monotonic_ns(void);
uint64_t clock_boottime_ns(void);
uint64_t clock_thread_ns(void); /* processor time that the calling thread has used */
uint64_t clock_wall_ns(void);   /* since the epoch; 0 if the clock stands before it */
/* A moment of the monotonic clock's past in terms of the wall clock as it stands now. */
uint64_t clock_wall_of_monotonic_ns(uint64_t monotonic_ns);

/* The kernel's boot id as 32 hex digits and a terminator, or "" where it can't be read (a container
 * without /proc): then no two boots are taken for the same one. */
const char *clock_boot_id(void);

#define TIME_TEXT_MAX 40
/* RFC 3339 in UTC with milliseconds: 2026-01-31T12:34:56.789Z. */
const char *time_format_rfc3339(uint64_t wall_ns, char buffer[static TIME_TEXT_MAX]);
/* RFC 3339 in the process' time zone, with its offset: 2026-01-31T13:34:56.789+01:00. */
const char *time_format_rfc3339_local(uint64_t wall_ns, char buffer[static TIME_TEXT_MAX]);
/* 12:34:56.789 in the process' time zone (TZ, set from server.timezone). */
const char *time_format_clock(uint64_t wall_ns, char buffer[static TIME_TEXT_MAX]);
/* Parses what time_format_rfc3339() makes, any offset accepted. -EINVAL. */
int time_parse_rfc3339(const char *text, uint64_t *ret_wall_ns);
