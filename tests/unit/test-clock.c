/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

Test(clock, clocks_run)
{
    uint64_t before = clock_monotonic_ns();

    cr_assert_gt(before, 0);
    cr_assert_geq(clock_monotonic_ns(), before);
    cr_assert_geq(clock_boottime_ns(), before, "it goes on during suspend");
    cr_assert_gt(clock_wall_ns(), 1700000000 * NSEC_PER_SEC);
}

Test(clock, boot_id_is_empty_or_32_hex_digits)
{
    const char *id = clock_boot_id();
    size_t size = strlen(id);

    cr_assert(size == 0 || size == 32);
    cr_assert_eq(strspn(id, "0123456789abcdef"), size);
    cr_assert_eq(clock_boot_id(), id);
}

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

Test(clock, formats)
{
    char text[TIME_TEXT_MAX];
    uint64_t at = 1769863296789999999ULL; /* 2026-01-31T12:41:36.789999999Z */

    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    cr_assert_str_eq(time_format_rfc3339(at, text), "2026-01-31T12:41:36.789Z");
    cr_assert_str_eq(time_format_rfc3339_local(at, text), "2026-01-31T13:41:36.789+01:00");
    cr_assert_str_eq(time_format_clock(at, text), "13:41:36.789");
    in_zone("NST3:30");
    cr_assert_str_eq(time_format_rfc3339_local(at, text), "2026-01-31T09:11:36.789-03:30");
    cr_assert_str_eq(time_format_rfc3339(0, text), "1970-01-01T00:00:00.000Z");
    cr_assert_str_eq(time_format_rfc3339(UINT64_MAX, text), "2554-07-21T23:34:33.709Z");
}

Test(clock, parses_what_it_formats)
{
    static const uint64_t times[] = {0, 1, 951782400, 1709164800, 1769863296, 4102444799};
    char text[TIME_TEXT_MAX];
    uint64_t parsed;

    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    for (size_t i = 0; i < ELEMENTSOF(times); i++) {
        uint64_t at = times[i] * NSEC_PER_SEC + 5 * NSEC_PER_MSEC;

        cr_assert_eq(time_parse_rfc3339(time_format_rfc3339(at, text), &parsed), 0, "%s", text);
        cr_assert_eq(parsed, at, "%s", text);
        cr_assert_eq(time_parse_rfc3339(time_format_rfc3339_local(at, text), &parsed), 0);
        cr_assert_eq(parsed, at, "%s", text);
    }
}

Test(clock, parses_what_others_write)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {{"1970-01-01T00:00:01Z", NSEC_PER_SEC},
            {"1970-01-01T01:00:01+01:00", NSEC_PER_SEC},
            {"1969-12-31T23:00:01-01:00", NSEC_PER_SEC},
            {"1970-01-01T00:00:00.123456789123Z", 123456789},
            {"1970-01-01T00:00:00.5Z", NSEC_PER_SEC / 2},
            {"1970-01-01T00:00:59Z", 59 * NSEC_PER_SEC},
            {"1970-01-01T00:00:60Z", 60 * NSEC_PER_SEC},
            {"2024-02-29T00:00:00Z", 1709164800 * NSEC_PER_SEC},
            {"2550-01-01T00:00:00Z", 18303062400 * NSEC_PER_SEC}};
    uint64_t ns;

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        cr_assert_eq(time_parse_rfc3339(cases[i].text, &ns), 0, "%s", cases[i].text);
        cr_assert_eq(ns, cases[i].ns, "%s: %" PRIu64, cases[i].text, ns);
    }
}

Test(clock, refuses_what_is_no_time)
{
    static const char *const bad[] = {"", "now", "2026-01-31", "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z", "2026-01-31T12:00:00Z ", " 2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00,5Z", "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
            "2026-01-31T12:00:61Z", "2026-01-31T12:00:00+1:00", "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00+01:60", "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+01:0",
            "2026-01-31T12:00:00+01:-1", "2026-1-31T12:00:00Z", "20260-1-31T12:00:00Z",
            "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59Z",
            "2555-01-01T00:00:00Z", "-026-01-31T12:00:00Z", "2026-01-31T12:00:00ZZ"};
    uint64_t ns = 42;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        cr_assert_eq(time_parse_rfc3339(bad[i], &ns), -EINVAL, "%s", bad[i]);
    cr_assert_eq(ns, 42);
}
