/* SPDX-License-Identifier: MIT */
/* How long entries live, within a boot and over boots, whatever the clocks say. */
#include "store-world.h"

#include <criterion/criterion.h>

/* --- time limits ---------------------------------------------------------------------------------
 */

static void save_one(Fixture *f, uint64_t ttl_sec)
{
    add(f, LIST_BLACKLIST, "203.0.113.7", ttl_sec, "");
    cr_assert_eq(save(f, &clock0), 0);
}

Test(store, within_a_boot_the_wall_clock_does_not_matter)
{
    FIXTURE(f);
    StoreClock later = {clock0.boottime_ns + 10 * NSEC_PER_SEC,
            WALL_NS + 10ULL * 365 * 86400 * NSEC_PER_SEC, "boot-a"};

    save_one(f, 60);
    cr_assert_eq(load(f, &later), 0);
    cr_assert(first(f));
    cr_assert_eq(first(f)->expires_boottime_ns, clock0.boottime_ns + 60 * NSEC_PER_SEC);
    cr_assert_eq(first(f)->expires_wall_ns, later.wall_ns + 50 * NSEC_PER_SEC);
    later.wall_ns = 0;
    cr_assert_eq(load(f, &later), 0);
    cr_assert_eq(first(f)->expires_boottime_ns, clock0.boottime_ns + 60 * NSEC_PER_SEC);
}

Test(store, within_a_boot_time_runs_out)
{
    FIXTURE(f);
    StoreClock later = {clock0.boottime_ns + 60 * NSEC_PER_SEC, 0, "boot-a"};

    save_one(f, 60);
    cr_assert_eq(load(f, &later), 0);
    cr_assert_null(first(f));
    cr_assert_eq(f->report.expired, 1);
    cr_assert_eq(f->report.outcome, STORE_LOADED);
}

Test(store, after_a_reboot_the_wall_clock_counts)
{
    FIXTURE(f);
    StoreClock later = {5 * NSEC_PER_SEC, WALL_NS + 40 * NSEC_PER_SEC, "boot-b"};

    save_one(f, 60);
    cr_assert_eq(load(f, &later), 0);
    cr_assert(f->report.other_boot);
    cr_assert_eq(first(f)->expires_boottime_ns, 25 * NSEC_PER_SEC);
    cr_assert_eq(first(f)->expires_wall_ns, WALL_NS + 60 * NSEC_PER_SEC);
    later.wall_ns = WALL_NS + 61 * NSEC_PER_SEC;
    cr_assert_eq(load(f, &later), 0);
    cr_assert_eq(f->report.expired, 1);
}

Test(store, a_clock_in_the_past_prolongs_nothing)
{
    FIXTURE(f);
    StoreClock past = {5 * NSEC_PER_SEC, 86400 * NSEC_PER_SEC, "boot-b"};

    save_one(f, 60);
    cr_assert_eq(load(f, &past), 0);
    cr_assert_eq(first(f)->expires_boottime_ns, 65 * NSEC_PER_SEC);
    cr_assert_eq(first(f)->expires_wall_ns, past.wall_ns + 60 * NSEC_PER_SEC);
}

Test(store, a_clock_that_was_wrong_and_was_set_ends_nothing_early)
{
    FIXTURE(f);
    StoreClock set = {clock0.boottime_ns + 600 * NSEC_PER_SEC, WALL_NS, "boot-a"};
    StoreClock later = {5 * NSEC_PER_SEC, WALL_NS + 60 * NSEC_PER_SEC, "boot-b"};

    add(f, LIST_BLACKLIST, "203.0.113.7", 3600, "")->expires_wall_ns =
            90000 * NSEC_PER_SEC; /* 1970 */
    cr_assert_eq(save(f, &set), 0);
    cr_assert_eq(load(f, &later), 0);
    cr_assert_eq(f->report.expired, 0);
    cr_assert_eq(first(f)->expires_boottime_ns, (5 + 3000 - 60) * NSEC_PER_SEC);
    cr_assert_eq(first(f)->expires_wall_ns, WALL_NS + 3000 * NSEC_PER_SEC);
}

Test(store, never_more_than_what_was_saved_last)
{
    FIXTURE(f);
    StoreClock saved = {
            clock0.boottime_ns + 50 * NSEC_PER_SEC, WALL_NS + 50 * NSEC_PER_SEC, "boot-a"};
    StoreClock past = {5 * NSEC_PER_SEC, 0, "boot-b"};

    add(f, LIST_BLACKLIST, "203.0.113.7", 60, "");
    cr_assert_eq(save(f, &saved), 0);
    cr_assert_eq(load(f, &past), 0);
    cr_assert_eq(first(f)->expires_boottime_ns, 15 * NSEC_PER_SEC);
}

Test(store, no_boot_id_is_no_boot)
{
    FIXTURE(f);
    StoreClock none = {clock0.boottime_ns, WALL_NS, ""};

    add(f, LIST_BLACKLIST, "203.0.113.7", 60, "");
    cr_assert_eq(save(f, &none), 0);
    none.wall_ns += 30 * NSEC_PER_SEC;
    cr_assert_eq(load(f, &none), 0);
    cr_assert(f->report.other_boot);
    cr_assert_eq(first(f)->expires_boottime_ns, clock0.boottime_ns + 30 * NSEC_PER_SEC);
}
