/* SPDX-License-Identifier: MIT */
/* The text of feeds, as they are published and as they are broken; and the folders of files. */

#include "leaks.h"

#include "control/feed-set.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- text */

typedef struct Taken {
    char text[2048];
    size_t good, bad;
} Taken;

static void on_line(const FeedLine *line, void *userdata)
{
    Taken *taken = userdata;
    size_t size = strlen(taken->text);
    char prefix[PREFIX_TEXT_MAX];

    taken->good += !line->error;
    taken->bad += !!line->error;
    snprintf(taken->text + size, sizeof(taken->text) - size, "%u=%s%s%s|", line->number,
            line->error ? "bad" : prefix_format(&line->prefix, prefix), line->comment[0] ? " " : "",
            line->comment);
}

static void assert_says(const char *text, const char *wanted)
{
    Taken taken = {};

    feed_parse(text, strlen(text), on_line, &taken);
    cr_assert_str_eq(taken.text, wanted, "%s", taken.text);
}

Test(feed_parse, plain_addresses_and_prefixes)
{
    assert_says("203.0.113.7\n198.51.100.0/24\n2001:db8::/32\n",
            "1=203.0.113.7|2=198.51.100.0/24|3=2001:db8::/32|");
    assert_says("203.0.113.7", "1=203.0.113.7|");
    assert_says("", "");
}

Test(feed_parse, comments_of_all_kinds)
{
    assert_says("; Spamhaus DROP List\n"
                "1.10.16.0/20 ; SBL256894\n"
                "# FireHOL\n"
                "  203.0.113.7   # knocks  \n"
                "203.0.113.8#tight\n"
                "203.0.113.9;tight too\n"
                "\n   \n#\n;\n",
            "2=1.10.16.0/20 SBL256894|4=203.0.113.7 knocks|5=203.0.113.8 tight|"
            "6=203.0.113.9 tight too|");
}

Test(feed_parse, dshields_ranges)
{
    assert_says("# DShield.org Recommended Block List\n"
                "Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n"
                "45.143.200.0\t45.143.200.255\t24\t3456\tSOME-NET\tNL\tabuse@example.net\n"
                "45.143.201.0\t45.143.202.255\t24\t1\n",
            "3=45.143.200.0/24|4=bad|");
}

Test(feed_parse, line_ends_of_other_systems_and_byte_order_marks)
{
    assert_says("\xef\xbb\xbf"
                "203.0.113.7\r\n203.0.113.8\r\n",
            "1=203.0.113.7|2=203.0.113.8|");
}

Test(feed_parse, what_is_wrong_is_told_by_line)
{
    Taken taken = {};
    char longer[3000];

    assert_says("203.0.113.7/24\n010.0.0.1\nexample.org\n1.2.3.4 5.6.7.8\n1.2.3.4 and more\n"
                "::ffff:203.0.113.7\nfe80::1%eth0\n203.0.113.0/33\n",
            "1=bad|2=bad|3=bad|4=bad|5=bad|6=203.0.113.7|7=bad|8=bad|");
    memset(longer, '1', sizeof(longer));
    feed_parse(longer, sizeof(longer), on_line, &taken);
    feed_parse("203.0.113.7\0\n203.0.113.8\n", 25, on_line, &taken);
    cr_assert_str_eq(taken.text, "1=bad|1=bad|2=203.0.113.8|");
}

Test(feed_parse, a_remark_that_cant_be_shown_is_left_out)
{
    assert_says("203.0.113.7 # a\x01"
                "b\n203.0.113.8 # \xff\n",
            "1=203.0.113.7|2=203.0.113.8|");
}

/* --- folders */

typedef struct Fixture {
    char base[64];
    char black[96];
    char white[96];
    FeedSet *set;
} Fixture;

static void setup(Fixture *f)
{
    *f = (Fixture){};
    snprintf(f->base, sizeof(f->base), "/tmp/ntc-test-feed-XXXXXX");
    cr_assert(mkdtemp(f->base));
    snprintf(f->black, sizeof(f->black), "%s/blacklist.d", f->base);
    snprintf(f->white, sizeof(f->white), "%s/whitelist.d", f->base);
    cr_assert_eq(mkdir(f->black, 0755) + mkdir(f->white, 0755), 0);
}

static void teardown(Fixture *f)
{
    char command[128];

    f->set = feed_set_free(f->set);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->base);
    cr_assert_eq(system(command), 0);
    abort_on_leaks();
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

static void read_all(Fixture *f, size_t items_max)
{
    const char *folders[_LIST_MAX] = {[LIST_BLACKLIST] = f->black, [LIST_WHITELIST] = f->white};
    FeedSet *set = NULL;

    cr_assert_eq(feed_set_read(folders, items_max, NULL, f->set, &set), 0);
    feed_set_free(f->set);
    f->set = set;
}

static const FeedItem *find(const Fixture *f, ListId list, const char *text)
{
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0);
    return feed_set_find(f->set, list, &prefix);
}

Test(feed_set, files_of_both_folders_are_united)
{
    Fixture f;

    setup(&f);
    write_file(f.black, "b.list", "203.0.113.7 # of b\n203.0.113.8\n");
    write_file(f.black, "a.list", "203.0.113.7 # of a\n203.0.113.7 # again\n");
    write_file(f.black, "notes.txt", "203.0.113.9\n");
    write_file(f.black, ".hidden.list", "203.0.113.9\n");
    write_file(f.white, "c.list", "203.0.113.7\n");
    read_all(&f, 100);
    cr_assert_eq(f.set->n_files, 3);
    cr_assert_eq(f.set->n_items[LIST_BLACKLIST], 2);
    cr_assert_eq(f.set->n_items[LIST_WHITELIST], 1);
    cr_assert_str_eq(feed_set_file(f.set, find(&f, LIST_BLACKLIST, "203.0.113.7"))->name, "a.list");
    cr_assert_str_eq(feed_set_comment(f.set, find(&f, LIST_BLACKLIST, "203.0.113.7")), "of a");
    cr_assert_str_eq(feed_set_comment(f.set, find(&f, LIST_BLACKLIST, "203.0.113.8")), "");
    cr_assert_null(find(&f, LIST_BLACKLIST, "203.0.113.9"));
    teardown(&f);
}

Test(feed_set, a_file_that_says_nothing_keeps_what_it_said)
{
    Fixture f;
    char path[256];

    setup(&f);
    write_file(f.black, "a.list", "203.0.113.7 # old\n");
    write_file(f.black, "b.list", "");
    read_all(&f, 100);
    cr_assert(strstr(f.set->files[1]->told[0], "failed download"), "nobody knows what it said");
    write_file(f.black, "a.list", "");
    for (int i = 0; i < 3; i++) { /* for as often as it is read */
        read_all(&f, 100);
        cr_assert_str_eq(feed_set_comment(f.set, find(&f, LIST_BLACKLIST, "203.0.113.7")), "old");
        cr_assert(strstr(f.set->files[0]->told[0], "failed download"));
    }
    write_file(f.black, "a.list", "# empty on purpose\n");
    read_all(&f, 100);
    cr_assert_null(find(&f, LIST_BLACKLIST, "203.0.113.7"));
    write_file(f.black, "a.list", "203.0.113.8\n");
    read_all(&f, 100);
    snprintf(path, sizeof(path), "%s/a.list", f.black);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0755), 0); /* can be opened and is no file */
    read_all(&f, 100);
    cr_assert(find(&f, LIST_BLACKLIST, "203.0.113.8"));
    cr_assert_eq(rmdir(path), 0);
    read_all(&f, 100);
    cr_assert_null(find(&f, LIST_BLACKLIST, "203.0.113.8"));
    teardown(&f);
}

Test(feed_set, a_folder_that_was_never_read_is_told)
{
    Fixture f;

    setup(&f);
    cr_assert_eq(rmdir(f.black), 0);
    read_all(&f, 100);
    cr_assert_eq(f.set->n_files, 0, "one that isn't there says nothing");
    close(open(f.black, O_CREAT | O_WRONLY, 0644)); /* can't be opened as a folder */
    for (int i = 0; i < 3; i++) {
        read_all(&f, 100);
        cr_assert_eq(f.set->n_files, 1);
        cr_assert_eq(f.set->files[0]->problems, 1);
        cr_assert_str_eq(f.set->files[0]->told[0], "(folder): Not a directory");
    }
    cr_assert_eq(unlink(f.black), 0);
    cr_assert_eq(mkdir(f.black, 0755), 0);
    read_all(&f, 100);
    cr_assert_eq(f.set->n_files, 0);
    teardown(&f);
}

Test(feed_set, bad_lines_are_told_and_bounded)
{
    Fixture f;

    setup(&f);
    write_file(f.black, "a.list",
            "x\n203.0.113.7\ny\nz\nz\nz\nz\nz\nz\nz\nz\nz\n203.0.113.8\n203.0.113.9\n");
    read_all(&f, 2);
    cr_assert_eq(f.set->n_items[LIST_BLACKLIST], 2);
    cr_assert_eq(f.set->files[0]->problems, 12); /* and one for what found no room */
    cr_assert(strncmp(f.set->files[0]->told[1], "a.list:3: ", 10) == 0, "%s",
            f.set->files[0]->told[1]);
    teardown(&f);
}

Test(feed_set, more_files_than_are_read)
{
    Fixture f;
    char name[32];

    setup(&f);
    for (int i = 0; i < FEED_FILES_MAX + 3; i++) {
        snprintf(name, sizeof(name), "%03d.list", i);
        write_file(f.black, name, "203.0.113.7\n");
    }
    read_all(&f, 10);
    cr_assert_eq(f.set->n_files, FEED_FILES_MAX);
    cr_assert(strstr(f.set->files[FEED_FILES_MAX - 1]->told[0], "3 files behind this one"));
    cr_assert_eq(f.set->n_items[LIST_BLACKLIST], 1);
    teardown(&f);
}
