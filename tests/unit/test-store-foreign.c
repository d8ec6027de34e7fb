/* SPDX-License-Identifier: MIT */
/* What is not a state file of ours, or not all of one. */
#include "store-world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- what is not ours */

static const char *const damaged[] = {
        "",
        " ",
        "{",
        "[]",
        "null",
        "{}",
        "{\"blacklist\":\"203.0.113.7\"}",
        "{\"version\":1,\"blacklist\":[],\"whitelist\":[]}",
        "{\"format\":\"something\",\"version\":1,\"blacklist\":[],\"whitelist\":[]}",
        "{\"format\":\"ntc-lists\",\"blacklist\":[],\"whitelist\":[]}",
        "{\"format\":\"ntc-lists\",\"version\":0,\"blacklist\":[],\"whitelist\":[]}",
        "{\"format\":\"ntc-lists\",\"version\":\"1\",\"blacklist\":[],\"whitelist\":[]}",
        "{\"format\":\"ntc-lists\",\"version\":1,\"blacklist\":[]}",
        "{\"format\":\"ntc-lists\",\"version\":1,\"blacklist\":{},\"whitelist\":[]}",
        "{\"format\":\"ntc-lists\",\"version\":1,\"blacklist\":[],\"whitelist\":[]}x",
        "{\"format\":\"ntc-lists\",\"version\":1,\"blacklist\":[],\"whitelist\":[],\"blacklist\":[]}",
        "{\"blacklist\":[\"203.0.113.7\"],\"blacklist\":[]}",
        "\x7f\x45LF\x01\x02\xff",
};

Test(store, damaged_file_is_set_aside)
{
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        FIXTURE(f);
        struct stat st;

        write_text(f->path, damaged[i]);
        cr_assert_eq(load(f, &clock0), 0, "%zu", i);
        cr_assert_eq(f->report.outcome, STORE_DAMAGED, "%s", damaged[i]);
        cr_assert(f->report.reason[0], "%s", damaged[i]);
        cr_assert(strstr(f->report.aside, "lists.json.damaged-20"), "%s", f->report.aside);
        cr_assert_eq(stat(f->report.aside, &st), 0);
        cr_assert_eq((size_t)st.st_size, strlen(damaged[i]));
        cr_assert_eq(access(f->path, F_OK), 0, "until the next save");
        cr_assert_null(first(f));
    }
}

Test(store, every_truncation_is_noticed)
{
    FIXTURE(f);
    char text[4096];
    size_t size;
    FILE *file;

    add(f, LIST_BLACKLIST, "203.0.113.7", 60, "x");
    add(f, LIST_WHITELIST, "10.0.0.0/8", 0, "");
    cr_assert_eq(save(f, &clock0), 0);
    file = fopen(f->path, "r");
    size = fread(text, 1, sizeof(text), file);
    fclose(file);
    for (size_t n = 0; n + 2 < size; n++) { /* the last two are "}\n" */
        file = fopen(f->path, "w");
        fwrite(text, 1, n, file);
        fclose(file);
        cr_assert_eq(load(f, &clock0), 0, "%zu", n);
        cr_assert_eq(f->report.outcome, STORE_DAMAGED, "cut at %zu", n);
        cr_assert_eq(unlink(f->report.aside), 0);
    }
}

Test(store, older_finds_are_not_overwritten)
{
    FIXTURE(f);

    for (int i = 0; i < 3; i++) {
        write_text(f->path, "nonsense");
        cr_assert_eq(load(f, &clock0), 0);
        cr_assert_eq(f->report.outcome, STORE_DAMAGED);
        cr_assert_eq(save(f, &clock0), 0);
    }
    cr_assert_eq(count_files(f->folder), 3 + 1);
}

Test(store, later_version_is_left_alone)
{
    FIXTURE(f);

    write_text(f->path, "{\"format\":\"ntc-lists\",\"version\":2,\"lists\":{}}");
    cr_assert_eq(load(f, &clock0), 0);
    cr_assert_eq(f->report.outcome, STORE_TOO_NEW);
    cr_assert_eq(access(f->path, F_OK), 0);
    cr_assert_eq(count_files(f->folder), 1);
}

/* What people write by hand: no header, plain addresses. */
Test(store, version_0_is_taken_over)
{
    FIXTURE(f);
    const ListEntry *entry;
    struct stat st;

    write_text(f->path,
            "{\"blacklist\":[\"203.0.113.7\",\"2001:db8::/32\",\"10.0.0.1/8\",\"192.0.2.1\\u0000\",7,"
            "{\"ip\":\"203.0.113.8\",\"comment\":\"x\"}]}");
    cr_assert_eq(load(f, &clock0), 0);
    cr_assert_eq(f->report.outcome, STORE_LOADED);
    cr_assert(f->report.migrated);
    cr_assert_eq(f->report.skipped, 3, "host bits, a NUL, a number");
    cr_assert_eq(list_count(f->lists[LIST_BLACKLIST]), 3);
    cr_assert_eq(list_count(f->lists[LIST_WHITELIST]), 0);
    entry = first(f);
    cr_assert_eq(entry->added_wall_ns, clock0.wall_ns);
    cr_assert_eq(entry->expires_boottime_ns, 0);
    cr_assert_str_eq(entry->origin, "manual");
    cr_assert(strstr(f->report.aside, "lists.json.older-20"), "%s", f->report.aside);
    cr_assert_eq(stat(f->report.aside, &st), 0);
    cr_assert_eq(access(f->path, F_OK), 0, "until the next save");
    cr_assert_eq(save(f, &clock0), 0);
    cr_assert_eq(load(f, &clock0), 0);
    cr_assert(!f->report.migrated);
    cr_assert_eq(list_count(f->lists[LIST_BLACKLIST]), 3);
    cr_assert_eq(count_files(f->folder), 2);
}

Test(store, a_bad_entry_costs_only_itself)
{
    FIXTURE(f);

    write_text(f->path,
            "{\"format\":\"ntc-lists\",\"version\":1,\"whitelist\":[],\"blacklist\":[3,{},"
            "{\"ip\":\"10.0.0.1/8\"},{\"ip\":\"203.0.113.7\"},{\"ip\":\"203.0.113.7\"},"
            "{\"ip\":\"203.0.113.8\",\"comment\":\"a\\nb\"},"
            "{\"ip\":\"203.0.113.9\",\"remaining_sec\":-1},"
            "{\"ip\":\"203.0.113.10\",\"by\":\"a\",\"by\":\"b\"},"
            "{\"ip\":\"203.0.113.11\",\"comment\":null},[\"203.0.113.12\"]]}");
    cr_assert_eq(load(f, &clock0), 0);
    cr_assert_eq(f->report.outcome, STORE_LOADED, "%s", f->report.reason);
    cr_assert_eq(f->report.skipped, 9);
    cr_assert_eq(list_count(f->lists[LIST_BLACKLIST]), 1);
    cr_assert_eq(access(f->report.aside, R_OK), 0);
    cr_assert_eq(access(f->path, R_OK), 0);
}
