/* SPDX-License-Identifier: MIT */
/* What is in the way of a write, or cuts it off. */
#include "store-world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

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

/* --- killed while writing */

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
