/* SPDX-License-Identifier: MIT */
#include "report-internal.h"

#include <stdarg.h>
#include <string.h>
#include <syslog.h>

int report_new(Journal *journal, uint32_t slots, Report **ret)
{
    _cleanup_(report_freep) Report *report = calloc(1, sizeof(*report));

    if (!report)
        return -ENOMEM;
    report->journal = journal;
    report->slots = slots;
    report->dropped = calloc(slots / 64 + 1, sizeof(*report->dropped));
    if (!report->dropped)
        return -ENOMEM;
    *ret = TAKE_PTR(report);
    return 0;
}

Report *report_free(Report *report)
{
    if (report)
        free(report->dropped);
    free(report);
    return NULL;
}

void report_simple(Report *report, JournalEvent event, int priority, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    journal_send(report->journal, event, priority, (const char *const[]){NULL}, "%s", message);
}

void report_attachment(Report *report, const char *interface, bool attached, int error)
{
    char field[REPORT_FIELD_MAX];
    const char *const fields[] = {field, NULL};

    snprintf(field, sizeof(field), "NTC_INTERFACE=%s", interface);
    if (error < 0)
        journal_send(report->journal, JOURNAL_ATTACH_FAILED, LOG_ERR, fields,
                "Could not attach to %s: %s", interface, strerror(-error));
    else if (attached)
        journal_send(report->journal, JOURNAL_ATTACHED, LOG_INFO, fields, "Watching %s", interface);
    else
        journal_send(report->journal, JOURNAL_DETACHED, LOG_INFO, fields, "No longer watching %s",
                interface);
}

/* Whose wish it was, in words: "uid 0", an address, or nothing. */
static const char *caller_name(const Caller *caller, char buffer[static 64])
{
    if (caller->uid != UID_NONE)
        snprintf(buffer, 64, " by uid %u", caller->uid);
    else if (caller->peer[0])
        snprintf(buffer, 64, " by %s", caller->peer);
    else
        buffer[0] = '\0';
    return buffer;
}

static void uid_field(const Caller *caller, char field[static REPORT_FIELD_MAX])
{
    field[0] = '\0';
    if (caller->uid != UID_NONE)
        snprintf(field, REPORT_FIELD_MAX, "NTC_UID=%u", caller->uid);
}

/* What feeds do is told in one entry for all, see report_feeds(). */
void report_list_change(Report *report, const ListEvent *e)
{
    static const char *const verbs[] = {
            [LIST_EVENT_ADDED] = "added to",
            [LIST_EVENT_REMOVED] = "removed from",
            [LIST_EVENT_EXPIRED] = "expired from",
            [LIST_EVENT_CHANGED] = "changed on",
    };
    char address[PREFIX_TEXT_MAX], who[64], f[7][REPORT_FIELD_MAX];

    report_forget_drop(report, e->entry->slot);
    if (e->caller.transport == TRANSPORT_FEED)
        return;
    prefix_format(&e->entry->prefix, address);
    snprintf(f[0], REPORT_FIELD_MAX, "NTC_LIST=%s", list_name(e->list));
    snprintf(f[1], REPORT_FIELD_MAX, "NTC_ADDRESS=%s", address);
    snprintf(f[2], REPORT_FIELD_MAX, "NTC_TRANSPORT=%s", transport_name(e->caller.transport));
    uid_field(&e->caller, f[3]);
    snprintf(f[4], REPORT_FIELD_MAX, "NTC_COUNT_BEFORE=%zu", e->count_before);
    snprintf(f[5], REPORT_FIELD_MAX, "NTC_COUNT_AFTER=%zu", e->count_after);
    snprintf(f[6], REPORT_FIELD_MAX, "NTC_COMMENT=%s", e->entry->comment);
    journal_send(report->journal,
            e->type == LIST_EVENT_EXPIRED ? JOURNAL_LIST_EXPIRED : JOURNAL_LIST_CHANGED, LOG_NOTICE,
            (const char *const[]){f[0], f[1], f[2], f[3], f[4], f[5], f[6], NULL},
            "%s %s the %s over %s%s", address, verbs[e->type], list_name(e->list),
            transport_name(e->caller.transport), caller_name(&e->caller, who));
}

void report_storage_failure(Report *report, const char *path, int error, size_t undone)
{
    char field[REPORT_FIELD_MAX];

    snprintf(field, sizeof(field), "NTC_PATH=%s", path);
    journal_send(report->journal, JOURNAL_STORAGE_FAILED, LOG_ERR,
            (const char *const[]){field, NULL},
            "Could not write %s: %s; %zu changes of the lists undone", path, strerror(-error),
            undone);
}

void report_state_file(Report *report, const char *path, const StoreReport *state)
{
    if (state->outcome == STORE_DAMAGED && state->kernel_recovered == 0)
        report_simple(report, JOURNAL_STATE_RECOVERED, LOG_ERR,
                "The state file %s can't be used (%s). It was set aside as %s; both lists start empty",
                path, state->reason, state->aside);
    else if (state->outcome == STORE_DAMAGED)
        report_simple(report, JOURNAL_STATE_RECOVERED, LOG_ERR,
                "The state file %s can't be used (%s). It was set aside as %s; the %zu entries that "
                "the kernel has stay in force, without their comments and time limits",
                path, state->reason, state->aside, state->kernel_recovered);
    else if (state->skipped > 0)
        report_simple(report, JOURNAL_STATE_RECOVERED, LOG_WARNING,
                "%zu entries of the state file %s can't be read and were left out; it is kept as %s",
                state->skipped, path, state->aside);
    else if (state->migrated)
        report_simple(report, JOURNAL_STATE_RECOVERED, LOG_NOTICE,
                "The state file %s was of an older format. Its lists were taken over; it is kept as %s",
                path, state->aside);
    if (state->kernel_missing + state->kernel_surplus > 0)
        report_simple(report, JOURNAL_STATE_RECOVERED, LOG_WARNING,
                "The kernel's lists differed from the state file: %zu entries added, %zu removed",
                state->kernel_missing, state->kernel_surplus);
}

void report_flush(Report *report, const Caller *caller, size_t flows)
{
    char who[64], f[4][REPORT_FIELD_MAX];

    snprintf(f[0], REPORT_FIELD_MAX, "NTC_TRANSPORT=%s", transport_name(caller->transport));
    snprintf(f[1], REPORT_FIELD_MAX, "NTC_SRC=%s", caller->peer);
    uid_field(caller, f[2]);
    snprintf(f[3], REPORT_FIELD_MAX, "NTC_FLOWS=%zu", flows);
    journal_send(report->journal, JOURNAL_FLUSHED, LOG_NOTICE,
            (const char *const[]){f[0], f[1], f[2], f[3], NULL}, "Ended %zu flows over %s%s", flows,
            transport_name(caller->transport), caller_name(caller, who));
}

void report_denied(Report *report, const Caller *caller, const char *what)
{
    char who[64], f[3][REPORT_FIELD_MAX];

    snprintf(f[0], REPORT_FIELD_MAX, "NTC_TRANSPORT=%s", transport_name(caller->transport));
    snprintf(f[1], REPORT_FIELD_MAX, "NTC_SRC=%s", caller->peer);
    uid_field(caller, f[2]);
    journal_send(report->journal, JOURNAL_ACCESS_DENIED, LOG_NOTICE,
            (const char *const[]){f[0], f[1], f[2], NULL}, "Refused %s over %s%s", what,
            transport_name(caller->transport), caller_name(caller, who));
}
