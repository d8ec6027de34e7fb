/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "control/store.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define WALL_NS (1800000000ULL * NSEC_PER_SEC) /* 2027 */

typedef struct Fixture {
    char folder[64];
    char path[128];
    List *lists[_LIST_MAX];
    StoreReport report;
} Fixture;

static const StoreClock clock0 = {1000 * NSEC_PER_SEC, WALL_NS, "boot-a"};

static void empty_lists(Fixture *f, size_t capacity)
{
    for (ListId id = 0; id < _LIST_MAX; id++) {
        list_free(f->lists[id]);
        cr_assert_eq(list_new(id, capacity, &f->lists[id]), 0);
    }
}

static Fixture *new_fixture(void)
{
    Fixture *f = calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "/tmp/ntc-test-store-XXXXXX");
    cr_assert(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/lists.json", f->folder);
    empty_lists(f, 100);
    return f;
}

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void free_fixture(Fixture **f)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", (*f)->folder);
    cr_assert_eq(system(command), 0);
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free((*f)->lists[id]);
    free(*f); /* Tests run in children that never exit normally: the leak check must be called. */
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        abort();
}
#define FIXTURE(f) __attribute__((cleanup(free_fixture))) Fixture *f = new_fixture()

static ListEntry *add(
        Fixture *f, ListId id, const char *text, uint64_t ttl_sec, const char *comment)
{
    _cleanup_(list_entry_unrefp) ListEntry *entry = NULL;
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0);
    entry = list_entry_new(&prefix, "uid 0 over http", comment, "manual");
    entry->added_wall_ns = clock0.wall_ns;
    if (ttl_sec > 0) {
        entry->expires_boottime_ns = clock0.boottime_ns + ttl_sec * NSEC_PER_SEC;
        entry->expires_wall_ns = clock0.wall_ns + ttl_sec * NSEC_PER_SEC;
    }
    cr_assert_eq(list_add(f->lists[id], entry), 0);
    return list_get(f->lists[id], &prefix);
}

static int save(Fixture *f, const StoreClock *now)
{
    _cleanup_(list_snapshot_freep) ListSnapshot *snapshot = NULL;

    cr_assert_eq(list_snapshot_new(f->lists, &snapshot), 0);
    return store_save(f->path, snapshot, now);
}

static int load(Fixture *f, const StoreClock *now)
{
    empty_lists(f, 100);
    return store_load(f->path, f->lists, now, &f->report);
}

static ListEntry *first(Fixture *f)
{
    return list_first(f->lists[LIST_BLACKLIST]);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

static size_t count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    for (const struct dirent *d = readdir(dir); d; d = readdir(dir))
        n += d->d_name[0] != '.';
    closedir(dir);
    return n;
}

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

/* --- what is not ours
 * -----------------------------------------------------------------------------
 */

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
        cr_assert(strstr(f->report.aside, "lists.json.damaged-2027"), "%s", f->report.aside);
        cr_assert_eq(stat(f->report.aside, &st), 0);
        cr_assert_eq((size_t)st.st_size, strlen(damaged[i]));
        cr_assert_eq(access(f->path, F_OK), -1);
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
    }
    cr_assert_eq(count_files(f->folder), 3);
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
    cr_assert(strstr(f->report.aside, "lists.json.older-2027"), "%s", f->report.aside);
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

Test(store, leftover_is_removed)
{
    FIXTURE(f);
    char temporary[256];

    snprintf(temporary, sizeof(temporary), "%s.tmp", f->path);
    write_text(temporary, "half a fi");
    cr_assert_eq(load(f, &clock0), 0);
    cr_assert_eq(access(temporary, F_OK), -1);
    write_text(temporary, "half a fi");
    cr_assert_eq(save(f, &clock0), 0);
    cr_assert_eq(count_files(f->folder), 1);
}

Test(store, a_folder_in_the_way)
{
    FIXTURE(f);
    char inside[256];

    cr_assert_eq(mkdir(f->path, 0755), 0);
    snprintf(inside, sizeof(inside), "%s/x", f->path);
    write_text(inside, "");
    cr_assert_eq(load(f, &clock0), -EISDIR);
    cr_assert_lt(save(f, &clock0), 0);
    cr_assert_eq(count_files(f->folder), 1, "no temporary file is left");
}

Test(store, a_full_disk_leaves_the_old_file)
{
    FIXTURE(f);
    struct stat before, after;
    int status;
    pid_t pid;

    add(f, LIST_BLACKLIST, "203.0.113.7", 0, "");
    cr_assert_eq(save(f, &clock0), 0);
    cr_assert_eq(stat(f->path, &before), 0);
    add(f, LIST_BLACKLIST, "203.0.113.8", 0, "");
    pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){64, 64}) < 0)
            _exit(2);
        _exit(save(f, &clock0) == -EFBIG ? 0 : 1);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 0);
    cr_assert_eq(stat(f->path, &after), 0);
    cr_assert_eq(before.st_ino, after.st_ino);
    cr_assert_eq(count_files(f->folder), 1);
}

/* --- killed while writing
 * -------------------------------------------------------------------------
 */

static void save_for_ever(Fixture *f)
{
    for (;;) {
        ListEntry *entry = add(f, LIST_BLACKLIST, "198.51.100.1", 0, "the odd one");

        if (save(f, &clock0) < 0)
            _exit(1);
        (void)list_remove(f->lists[LIST_BLACKLIST], &(Prefix[]){entry->prefix}[0], NULL);
        if (save(f, &clock0) < 0)
            _exit(1);
    }
}

static void sleep_usec(unsigned usec)
{
    nanosleep(&(struct timespec){usec / 1000000, usec % 1000000 * 1000L}, NULL);
}

Test(store, killed_at_any_time_it_is_old_or_new, .timeout = 110)
{
    enum { BASE = 60 };
    FIXTURE(f);
    unsigned odd = 0, random = 12345;
    char text[64];

    for (int i = 0; i < BASE; i++) {
        snprintf(text, sizeof(text), "203.0.113.%d", i);
        add(f, LIST_BLACKLIST, text, 0, "some comment to give it length");
    }
    cr_assert_eq(save(f, &clock0), 0);
    for (int round = 0; round < 200; round++) {
        pid_t pid = fork();
        size_t count;

        if (pid == 0)
            save_for_ever(f);
        random = random * 1664525U + 1013904223U;
        sleep_usec(500 + (random >> 8) % 8000);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, &(int){0}, 0), pid);
        cr_assert_eq(load(f, &clock0), 0);
        cr_assert_eq(f->report.outcome, STORE_LOADED, "%s", f->report.reason);
        count = list_count(f->lists[LIST_BLACKLIST]);
        cr_assert(count == BASE || count == BASE + 1, "%zu", count);
        cr_assert_eq(count_files(f->folder), 1);
        if (count == BASE + 1) { /* the next child adds it again */
            Prefix prefix;

            odd++;
            cr_assert_eq(prefix_parse("198.51.100.1", &prefix, NULL), 0);
            cr_assert_eq(list_remove(f->lists[LIST_BLACKLIST], &prefix, NULL), 0);
        }
    }
    printf("killed 200 times, %u times with the odd entry\n", odd);
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
