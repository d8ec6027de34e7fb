/* SPDX-License-Identifier: MIT */
/* An entry is copied into one block on the loop's thread and written by the worker, which is the
 * only one that may hang on journald. The block belongs to the job from submit to done. If the
 * worker still hangs when the daemon exits, its last entry is abandoned with it. */

#define SD_JOURNAL_SUPPRESS_LOCATION 1

#include "journal/journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/worker.h"

#include <stdarg.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define JOURNAL_SOCKET     "/run/systemd/journal/socket"
#define JOURNAL_QUEUE_MAX  256
#define JOURNAL_FIELDS_MAX 16
#define JOURNAL_EXIT_USEC  USEC_PER_SEC
#define LINE_MAX_BYTES     4096

/* Where each field starts in an entry's text; our own come first. */
enum { FIELD_MESSAGE, FIELD_PRIORITY, FIELD_IDENTIFIER, FIELD_ID, FIELD_EVENT, _FIELD_OWN_MAX };

typedef struct Entry {
    Journal *journal;
    JournalEvent event;
    int priority;
    size_t n_fields;
    size_t starts[_FIELD_OWN_MAX + JOURNAL_FIELDS_MAX];
    TextBuffer text; /* all fields, a NUL after each */
} Entry;

struct Journal {
    Worker *worker;
    uint64_t lost;
    uint64_t written;
};

bool journal_is_there(void)
{
    return access(JOURNAL_SOCKET, F_OK) == 0;
}

static Entry *entry_free(Entry *entry)
{
    if (!entry)
        return NULL;
    text_done(&entry->text);
    free(entry);
    return NULL;
}
DEFINE_CLEANUP(Entry *, entry_free);

static const char *entry_field(const Entry *entry, size_t i)
{
    return entry->text.data + entry->starts[i];
}

static void entry_begin_field(Entry *entry)
{
    entry->starts[entry->n_fields++] = entry->text.size;
}

static void entry_end_field(Entry *entry)
{
    text_append_bytes(&entry->text, "", 1);
}

static _printf_(2, 3) void entry_add(Entry *entry, const char *format, ...)
{
    va_list args;

    entry_begin_field(entry);
    va_start(args, format);
    text_vappendf(&entry->text, format, args);
    va_end(args);
    entry_end_field(entry);
}

static _printf_(2, 0) void entry_add_message(Entry *entry, const char *format, va_list args)
{
    entry_begin_field(entry);
    text_append(&entry->text, "MESSAGE=");
    text_vappendf(&entry->text, format, args);
    entry_end_field(entry);
}

/* A NUL can't occur (the fields are C strings); everything else is fit for the journal's native
 * protocol. */
static void entry_add_fields(Entry *entry, const char *const *fields)
{
    for (size_t i = 0; fields && fields[i] && i < JOURNAL_FIELDS_MAX; i++)
        if (strchr(fields[i], '='))
            entry_add(entry, "%s", fields[i]);
}

/* One line holds one entry, whatever a stranger put into a comment. */
static void append_escaped(TextBuffer *line, const char *text)
{
    bool utf8 = text_is_utf8(text, strlen(text));

    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool c1 = utf8 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

        if (*p < 0x20 || *p == 0x7f || (*p >= 0x80 && !utf8))
            text_appendf(line, "\\x%02x", *p);
        else if (c1)
            text_appendf(line, "\\x%02x", *++p);
        else
            text_append_bytes(line, p, 1);
    }
}

static int entry_to_stderr(const Entry *entry)
{
    _cleanup_(text_done) TextBuffer line = {};

    append_escaped(&line, entry_field(entry, FIELD_MESSAGE) + strlen("MESSAGE="));
    text_appendf(&line, " (NTC_EVENT=%s", journal_event_name(entry->event));
    for (size_t i = _FIELD_OWN_MAX; i < entry->n_fields; i++) {
        text_append(&line, " ");
        append_escaped(&line, entry_field(entry, i));
    }
    text_append(&line, ")");
    if (line.failed)
        return -ENOMEM;
    log_line(entry->priority, "%.*s", LINE_MAX_BYTES, line.data);
    return 0;
}

/* On the worker. sd_journal_sendv() says 0 where there is no journal, so that is asked first. */
static int entry_write(void *data)
{
    Entry *entry = data;
    struct iovec iov[ELEMENTSOF(entry->starts)];

    if (!journal_is_there())
        return entry_to_stderr(entry);

    for (size_t i = 0; i < entry->n_fields; i++) {
        const char *field = entry_field(entry, i);
        iov[i] = (struct iovec){.iov_base = (char *)field, .iov_len = strlen(field)};
    }
    if (sd_journal_sendv(iov, (int)entry->n_fields) < 0)
        return entry_to_stderr(entry);
    return 0;
}

static void entry_done(void *data, int result)
{
    Entry *entry = data;

    if (result < 0)
        entry->journal->lost++;
    else
        entry->journal->written++;
    entry_free(entry);
}

int journal_new(sd_event *event, Journal **ret)
{
    _cleanup_(journal_freep) Journal *journal = calloc(1, sizeof(*journal));
    int r;

    if (!journal)
        return -ENOMEM;
    r = worker_new(event, "ntc-journal", JOURNAL_QUEUE_MAX, &journal->worker);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(journal);
    return 0;
}

Journal *journal_free(Journal *journal)
{
    if (!journal)
        return NULL;
    if (journal->worker)
        worker_free_timeout(journal->worker, JOURNAL_EXIT_USEC);
    free(journal);
    return NULL;
}

void journal_send(Journal *journal, JournalEvent event, int priority, const char *const *fields,
        const char *message_format, ...)
{
    _cleanup_(entry_freep) Entry *entry = calloc(1, sizeof(*entry));
    va_list args;

    if (!entry) {
        journal->lost++;
        return;
    }
    entry->journal = journal;
    entry->event = event;
    entry->priority = priority;
    va_start(args, message_format);
    entry_add_message(entry, message_format, args);
    va_end(args);
    entry_add(entry, "PRIORITY=%d", priority);
    entry_add(entry, "SYSLOG_IDENTIFIER=ntc");
    entry_add(entry, "MESSAGE_ID=%s", journal_event_id(event));
    entry_add(entry, "NTC_EVENT=%s", journal_event_name(event));
    entry_add_fields(entry, fields);

    if (entry->text.failed || worker_submit(journal->worker, entry_write, entry_done, entry) < 0) {
        journal->lost++;
        return;
    }
    TAKE_PTR(entry);
}

uint64_t journal_lost(const Journal *journal)
{
    return journal->lost;
}

uint64_t journal_written(const Journal *journal)
{
    return journal->written;
}
