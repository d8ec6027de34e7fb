/* SPDX-License-Identifier: MIT */
#include "store-world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

Test(store, absent_file_is_a_first_start)
{
    FIXTURE(f);

    cr_assert_eq(load(f, &clock0), 0);
    cr_assert_eq(f->report.outcome, STORE_ABSENT);
    cr_assert_null(first(f));
}

Test(store, round_trip)
{
    FIXTURE(f);
    ListEntry *entry;

    add(f, LIST_BLACKLIST, "203.0.113.7", 0, "a \"quoted\" \\ back, \xc3\xa4 and /");
    add(f, LIST_BLACKLIST, "2001:db8::/32", 90, "");
    add(f, LIST_WHITELIST, "10.0.0.0/8", 0, "");
    cr_assert_eq(save(f, &clock0), 0);
    cr_assert_eq(count_files(f->folder), 1);
    cr_assert_eq(load(f, &clock0), 0);
    cr_assert_eq(f->report.outcome, STORE_LOADED, "%s", f->report.reason);
    cr_assert_not(f->report.other_boot);
    cr_assert_eq(list_count(f->lists[LIST_BLACKLIST]), 2);
    cr_assert_eq(list_count(f->lists[LIST_WHITELIST]), 1);
    entry = first(f);
    cr_assert_str_eq(entry->comment, "a \"quoted\" \\ back, \xc3\xa4 and /");
    cr_assert_str_eq(entry->by, "uid 0 over http");
    cr_assert_str_eq(entry->origin, "manual");
    cr_assert_eq(entry->added_wall_ns, WALL_NS);
    cr_assert_eq(entry->expires_boottime_ns, 0);
    entry = list_next(f->lists[LIST_BLACKLIST], entry);
    cr_assert_eq(entry->expires_boottime_ns, clock0.boottime_ns + 90 * NSEC_PER_SEC);
    cr_assert_eq(entry->expires_wall_ns, WALL_NS + 90 * NSEC_PER_SEC);
}

Test(store, makes_missing_folders)
{
    FIXTURE(f);
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = NULL;
    char path[256];

    snprintf(path, sizeof(path), "%s/a/b/lists.json", f->folder);
    cr_assert_eq(list_snapshot_new(f->lists, &snapshot), 0);
    cr_assert_eq(store_save(path, snapshot, &clock0), 0);
    cr_assert_eq(access(path, R_OK), 0);
}

Test(store, members_come_in_any_order_and_unknown_ones_are_passed_over)
{
    FIXTURE(f);
    StoreClock later = {clock0.boottime_ns + NSEC_PER_SEC, 0, "boot-a"};

    write_text(f->path,
            "{ \"more\" : [ {\"blacklist\":\"]}\"} , -1e3 ] ,\n"
            "\"whitelist\":[{\"x\":{\"ip\":[]},\"by\":\"a\\u0062\",\"ip\":\"10.0.0.0/8\"}],"
            "\"blacklist\":[{\"remaining_sec\":9,\"expires\":\"2027-01-15T08:00:09Z\","
            "\"expires_boottime_ns\":\"1009000000000\",\"ip\":\"203.0.113.7\"}],"
            "\"saved_boottime_ns\":\"1000000000000\",\"boot_id\":\"boot-a\",\"version\":1,"
            "\"format\":\"ntc-lists\"}");
    cr_assert_eq(load(f, &later), 0);
    cr_assert_eq(f->report.outcome, STORE_LOADED, "%s", f->report.reason);
    cr_assert_eq(f->report.skipped, 0);
    cr_assert_not(f->report.other_boot);
    cr_assert_eq(first(f)->expires_boottime_ns, 1009 * NSEC_PER_SEC);
    cr_assert_str_eq(list_first(f->lists[LIST_WHITELIST])->by, "ab");
}

Test(store, more_than_fits_is_an_error)
{
    FIXTURE(f);

    add(f, LIST_BLACKLIST, "203.0.113.7", 0, "");
    add(f, LIST_BLACKLIST, "203.0.113.8", 0, "");
    cr_assert_eq(save(f, &clock0), 0);
    empty_lists(f, 1);
    cr_assert_eq(store_load(f->path, f->lists, &clock0, &f->report), -ENOSPC);
    cr_assert(strstr(f->report.reason, "lists.capacity (1)"), "%s", f->report.reason);
    cr_assert_eq(access(f->path, R_OK), 0);
}

/* --- size ----------------------------------------------------------------------------------------
 */

/* Of this process' own: what others do meanwhile costs nothing. */
static double milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

#ifdef __SANITIZE_ADDRESS__
#    define SLOW_FACTOR 4
#else
#    define SLOW_FACTOR 1
#endif

Test(store, full_list_is_quick)
{
    enum { N = 65536 };
    FIXTURE(f);
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = NULL;
    double start, snapped, saved, loaded, end;

    empty_lists(f, N);
    for (uint32_t i = 0; i < N; i++) {
        Address address = address_from_in((struct in_addr){htonl(0x0a000000U + i)});
        char text[ADDRESS_TEXT_MAX];

        add(f, LIST_BLACKLIST, address_format(&address, text), i % 2 ? 3600 : 0,
                "listed in a feed for scanning");
    }
    start = milliseconds();
    cr_assert_eq(list_snapshot_new(f->lists, &snapshot), 0);
    snapped = milliseconds();
    cr_assert_eq(store_save(f->path, snapshot, &clock0), 0);
    saved = milliseconds();
    empty_lists(f, N);
    loaded = milliseconds();
    cr_assert_eq(store_load(f->path, f->lists, &clock0, &f->report), 0);
    end = milliseconds();
    printf("65536 entries: snapshot %.1f ms, save %.1f ms, load %.1f ms\n", snapped - start,
            saved - snapped, end - loaded);
    cr_assert_lt(end - loaded, SLOW_FACTOR * 1000);
    cr_assert_lt(saved - snapped, SLOW_FACTOR * 1000);
    cr_assert_eq(list_count(f->lists[LIST_BLACKLIST]), N);
    cr_assert_eq(f->report.skipped, 0);
}
