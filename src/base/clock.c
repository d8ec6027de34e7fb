/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) < 0 || now.tv_sec < 0)
        return 0;
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_boottime_ns(void)
{
    return clock_ns(CLOCK_BOOTTIME);
}

uint64_t clock_thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint64_t clock_wall_of_monotonic_ns(uint64_t monotonic_ns)
{
    uint64_t now = clock_monotonic_ns(), age = now > monotonic_ns ? now - monotonic_ns : 0;
    uint64_t wall = clock_wall_ns();

    return wall > age ? wall - age : 0;
}

/* A sandbox with ProcSubset=pid hides /proc/sys and the boot id with it; its unit hands the id in
 * as Environment=NTC_BOOT_ID=%b. */
static void read_boot_id(char ret[static SD_ID128_STRING_MAX])
{
    const char *given = getenv("NTC_BOOT_ID");
    sd_id128_t id;

    if (sd_id128_get_boot(&id) >= 0 || (given && sd_id128_from_string(given, &id) >= 0))
        sd_id128_to_string(id, ret);
}

const char *clock_boot_id(void)
{
    static char id[SD_ID128_STRING_MAX];

    if (!id[0])
        read_boot_id(id);
    return id;
}

static unsigned milliseconds(uint64_t wall_ns)
{
    return (unsigned)(wall_ns / NSEC_PER_MSEC % 1000);
}

const char *time_format_rfc3339(uint64_t wall_ns, char buffer[static TIME_TEXT_MAX])
{
    time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(buffer, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buffer + n, TIME_TEXT_MAX - n, ".%03uZ", milliseconds(wall_ns));
    return buffer;
}

const char *time_format_rfc3339_local(uint64_t wall_ns, char buffer[static TIME_TEXT_MAX])
{
    time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
    struct tm tm;
    long offset;
    size_t n;

    localtime_r(&seconds, &tm);
    offset = tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff;
    n = strftime(buffer, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buffer + n, TIME_TEXT_MAX - n, ".%03u%c%02ld:%02ld", milliseconds(wall_ns),
            tm.tm_gmtoff < 0 ? '-' : '+', offset / 3600, offset / 60 % 60);
    return buffer;
}

const char *time_format_clock(uint64_t wall_ns, char buffer[static TIME_TEXT_MAX])
{
    time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
    struct tm tm;
    size_t n;

    localtime_r(&seconds, &tm);
    n = strftime(buffer, TIME_TEXT_MAX, "%H:%M:%S", &tm);
    snprintf(buffer + n, TIME_TEXT_MAX - n, ".%03u", milliseconds(wall_ns));
    return buffer;
}

/* ".789" and the like: any number of digits, what is finer than a nanosecond is dropped. */
static const char *parse_fraction(const char *text, uint64_t *ret_ns)
{
    uint64_t unit = NSEC_PER_SEC / 10;

    if (*text != '.')
        return text;
    if (!isdigit((unsigned char)*++text))
        return NULL;
    for (; isdigit((unsigned char)*text); text++, unit /= 10)
        *ret_ns += (uint64_t)(*text - '0') * unit;
    return text;
}

/* "Z" or "+01:00", to the end of the text. */
static int parse_offset(const char *text, long *ret_sec)
{
    int hours, minutes, used = 0;

    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *ret_sec = 0;
        return 0;
    }
    if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 ||
            !isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[4]) ||
            sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 ||
            hours > 23 || minutes > 59)
        return -EINVAL;
    *ret_sec = (hours * 3600L + minutes * 60L) * (text[0] == '-' ? -1 : 1);
    return 0;
}

/* The last year that nanoseconds in 64 bits reach as a whole; they end in July 2554. */
#define YEAR_LAST 2553

/* strptime(3) takes a 31 February, of which timegm(3) then makes a day in March. */
static bool date_exists(const struct tm *tm)
{
    struct tm day = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday};

    (void)timegm(&day);
    return day.tm_mday == tm->tm_mday && tm->tm_year <= YEAR_LAST - 1900;
}

int time_parse_rfc3339(const char *text, uint64_t *ret_wall_ns)
{
    struct tm tm = {};
    uint64_t fraction_ns = 0;
    long offset_sec;
    time_t seconds;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    /* strptime(3) skips white space and takes shorter numbers: hold the length against the format.
     */
    if (!rest || rest - text != 19 || strpbrk(text, " \t\n") || !date_exists(&tm) || tm.tm_sec > 60)
        return -EINVAL;
    rest = parse_fraction(rest, &fraction_ns);
    if (!rest || parse_offset(rest, &offset_sec) < 0)
        return -EINVAL;
    seconds = timegm(&tm) - offset_sec;
    if (seconds < 0)
        return -EINVAL;
    *ret_wall_ns = (uint64_t)seconds * NSEC_PER_SEC + fraction_ns;
    return 0;
}
