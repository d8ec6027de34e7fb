/* SPDX-License-Identifier: MIT */
/* The journal's socket is played by this test in a mount namespace of its own, over an empty /run;
 * without the right to make one (not root) those tests are skipped. */

#include "base/clock.h"
#include "journal/journal.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

static sd_event *event_new(void)
{
    sd_event *event = NULL;

    cr_assert_geq(sd_event_new(&event), 0);
    return event;
}

static void write_text(const char *path, const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text), "%s", path);
}

/* Who isn't root becomes it in a user namespace of his own (user_namespaces(7)). */
static bool own_mounts(void)
{
    char map[64];

    snprintf(map, sizeof(map), "0 %u 1", geteuid());
    if (unshare(CLONE_NEWNS) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    write_text("/proc/self/uid_map", map);
    return true;
}

static bool private_run(void)
{
    return own_mounts() && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0;
}

static bool no_journal(void)
{
    return access("/run/systemd/journal/socket", F_OK) < 0 || private_run();
}

/* A journald that listens; the caller decides whether it reads. */
static int fake_journald(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert_geq(fd, 0);
    cr_assert_eq(mkdir("/run/systemd", 0755), 0);
    cr_assert_eq(mkdir("/run/systemd/journal", 0755), 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void run_until_written(sd_event *event, const Journal *journal, uint64_t n)
{
    for (int i = 0; i < 100 && journal_written(journal) + journal_lost(journal) < n; i++)
        sd_event_run(event, 50 * USEC_PER_MSEC);
}

/* Redirects stderr to a temporary file. */
static FILE *capture_stderr(void)
{
    FILE *file = tmpfile();

    cr_assert(file);
    fflush(stderr);
    cr_assert_geq(dup2(fileno(file), STDERR_FILENO), 0);
    return file;
}

static size_t read_back(FILE *file, char *buffer, size_t size)
{
    ssize_t n = pread(fileno(file), buffer, size - 1, 0);

    cr_assert_geq(n, 0);
    buffer[n] = '\0';
    return (size_t)n;
}

Test(journal, every_event_has_a_name_and_an_id_of_its_own)
{
    for (int i = 0; i < _JOURNAL_EVENT_MAX; i++) {
        const char *id = journal_event_id((JournalEvent)i);

        cr_assert(journal_event_name((JournalEvent)i));
        cr_assert_eq(strlen(id), 32);
        for (size_t k = 0; k < 32; k++)
            cr_assert(isxdigit((unsigned char)id[k]) && !isupper((unsigned char)id[k]));
        cr_assert_eq(id[12], '4', "a random id (RFC 4122 version 4)");
        for (int j = 0; j < i; j++) {
            cr_assert_str_neq(id, journal_event_id((JournalEvent)j));
            cr_assert_str_neq(
                    journal_event_name((JournalEvent)i), journal_event_name((JournalEvent)j));
        }
    }
    cr_assert_null(journal_event_name(_JOURNAL_EVENT_MAX));
}

/* The catalog as one text, a newline in front of each line. */
static char *read_catalog(void)
{
    _cleanup_fclose_ FILE *file = fopen(NTC_SOURCE_DIR "/units/ntc.catalog", "re");
    char *text = calloc(1, 65536);

    cr_assert(file);
    text[0] = '\n';
    cr_assert_lt(fread(text + 1, 1, 65535, file), 65535);
    return text;
}

/* catalog(7): "-- ID", then a subject. */
Test(journal, the_catalog_explains_every_event_and_no_other)
{
    _cleanup_free_ char *catalog = read_catalog();
    int entries = 0;

    for (const char *at = catalog; (at = strstr(at, "\n-- ")); at++)
        entries++;
    cr_assert_eq(entries, _JOURNAL_EVENT_MAX);
    for (int i = 0; i < _JOURNAL_EVENT_MAX; i++) {
        char head[64];

        snprintf(head, sizeof(head), "\n-- %s\nSubject: ", journal_event_id((JournalEvent)i));
        cr_assert(strstr(catalog, head), "%s", journal_event_name((JournalEvent)i));
    }
}

Test(journal, without_a_journal_an_entry_is_one_line_on_stderr)
{
    _cleanup_fclose_ FILE *file = NULL;
    sd_event *event = event_new();
    Journal *journal = NULL;
    char text[4096];

    cr_assert(no_journal(), "needs a mount namespace");
    file = capture_stderr();
    cr_assert_eq(journal_new(event, &journal), 0);
    journal_send(journal, JOURNAL_LIST_CHANGED, LOG_NOTICE,
            (const char *[]){"NTC_LIST=blacklist", "", "NTC_COMMENT=a\nfake\x1b[31mline", NULL},
            "added %s", "192.0.2.1\r\nforged");
    run_until_written(event, journal, 1);
    cr_assert_eq(journal_written(journal), 1);
    journal_free(journal);

    size_t n = read_back(file, text, sizeof(text));
    cr_assert_eq(strchr(text, '\n'), text + n - 1, "exactly one line: %s", text);
    cr_assert(strstr(text, "added 192.0.2.1\\x0d\\x0aforged"), "%s", text);
    cr_assert(strstr(text, "NTC_EVENT=list-changed"));
    cr_assert(strstr(text, "NTC_LIST=blacklist"));
    cr_assert(strstr(text, "a\\x0afake\\x1b[31mline"));
    sd_event_unref(event);
}

static bool has_line(const char *datagram, const char *line)
{
    const char *at = strstr(datagram, line);

    return at && (at == datagram || at[-1] == '\n') && at[strlen(line)] == '\n';
}

Test(journal, the_journal_gets_all_fields)
{
    sd_event *event = event_new();
    Journal *journal = NULL;
    char datagram[8192], id[64];
    ssize_t n;

    cr_assert(private_run(), "needs a mount namespace");
    _cleanup_close_ int fd = fake_journald();
    cr_assert_eq(journal_new(event, &journal), 0);
    journal_send(journal, JOURNAL_ATTACHED, LOG_INFO,
            (const char *[]){"NTC_INTERFACE=eth0", "", "no equals sign", NULL}, "attached to %s",
            "eth0");
    run_until_written(event, journal, 1);
    n = recv(fd, datagram, sizeof(datagram) - 1, MSG_DONTWAIT);
    cr_assert_gt(n, 0);
    datagram[n] = '\0';
    snprintf(id, sizeof(id), "MESSAGE_ID=%s", journal_event_id(JOURNAL_ATTACHED));
    cr_assert(has_line(datagram, "MESSAGE=attached to eth0"), "%s", datagram);
    cr_assert(has_line(datagram, "PRIORITY=6"));
    cr_assert(has_line(datagram, "SYSLOG_IDENTIFIER=ntc"));
    cr_assert(has_line(datagram, "NTC_EVENT=attached"));
    cr_assert(has_line(datagram, "NTC_INTERFACE=eth0"));
    cr_assert(has_line(datagram, id));
    cr_assert_null(strstr(datagram, "no equals"));
    cr_assert_null(strstr(datagram, "CODE_FILE"));
    journal_free(journal);
    sd_event_unref(event);
}

Test(journal, a_hanging_journal_stops_nobody)
{
    sd_event *event = event_new();
    Journal *journal = NULL;
    uint64_t before;
    _unused_ _cleanup_fclose_ FILE *quiet = NULL;

    cr_assert(private_run(), "needs a mount namespace");
    _unused_ _cleanup_close_ int fd = fake_journald(); /* never read from */
    quiet = capture_stderr();
    cr_assert_eq(journal_new(event, &journal), 0);
    before = clock_monotonic_ns();
    for (int i = 0; i < 2000; i++)
        journal_send(journal, JOURNAL_LOSS, LOG_WARNING, NULL, "entry %d", i);
    cr_assert_lt(clock_monotonic_ns() - before, 500 * NSEC_PER_MSEC, "sending waits for nobody");
    cr_assert_geq(journal_lost(journal), 1000, "what does not fit is counted");
    cr_assert_lt(journal_lost(journal), 2000);

    before = clock_monotonic_ns();
    journal_free(journal);
    cr_assert_lt(
            clock_monotonic_ns() - before, 1500 * NSEC_PER_MSEC, "exit waits a second at most");
    sd_event_unref(event);
}

Test(journal, what_is_queued_is_written_at_exit)
{
    _cleanup_fclose_ FILE *file = NULL;
    sd_event *event = event_new();
    Journal *journal = NULL;
    char text[4096];

    cr_assert(no_journal(), "needs a mount namespace");
    file = capture_stderr();
    cr_assert_eq(journal_new(event, &journal), 0);
    for (int i = 0; i < 20; i++)
        journal_send(journal, JOURNAL_STOPPED, LOG_NOTICE, NULL, "line %d.", i);
    journal_free(journal);
    read_back(file, text, sizeof(text));
    cr_assert(strstr(text, "line 0."));
    cr_assert(strstr(text, "line 19."));
    sd_event_unref(event);
}
