/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#define FIRST_DROPS_BURST   10
#define FIRST_DROPS_EACH_NS (60 * NSEC_PER_SEC)
#define LOSSES_EACH_NS      (60 * NSEC_PER_SEC)
#define FIELD_MAX           320

struct Report {
    Journal *journal;
    uint32_t slots;
    uint64_t *dropped; /* a bit a slot: its first drop was seen */
    uint64_t drops_since_ns;
    unsigned drops_told;
    uint64_t drops_held_back;
    uint64_t losses_told_ns;
    uint64_t told_untracked;
    uint64_t told_lost;
    uint64_t told_drift;
};

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
    char field[FIELD_MAX];
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

static void uid_field(const Caller *caller, char field[static FIELD_MAX])
{
    field[0] = '\0';
    if (caller->uid != UID_NONE)
        snprintf(field, FIELD_MAX, "NTC_UID=%u", caller->uid);
}

static void forget_first_drop(Report *report, uint32_t slot)
{
    if (slot < report->slots)
        report->dropped[slot / 64] &= ~(1ULL << (slot % 64));
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
    char address[PREFIX_TEXT_MAX], who[64], f[7][FIELD_MAX];

    forget_first_drop(report, e->entry->slot);
    if (e->caller.transport == TRANSPORT_FEED)
        return;
    prefix_format(&e->entry->prefix, address);
    snprintf(f[0], FIELD_MAX, "NTC_LIST=%s", list_name(e->list));
    snprintf(f[1], FIELD_MAX, "NTC_ADDRESS=%s", address);
    snprintf(f[2], FIELD_MAX, "NTC_TRANSPORT=%s", transport_name(e->caller.transport));
    uid_field(&e->caller, f[3]);
    snprintf(f[4], FIELD_MAX, "NTC_COUNT_BEFORE=%zu", e->count_before);
    snprintf(f[5], FIELD_MAX, "NTC_COUNT_AFTER=%zu", e->count_after);
    snprintf(f[6], FIELD_MAX, "NTC_COMMENT=%s", e->entry->comment);
    journal_send(report->journal,
            e->type == LIST_EVENT_EXPIRED ? JOURNAL_LIST_EXPIRED : JOURNAL_LIST_CHANGED, LOG_NOTICE,
            (const char *const[]){f[0], f[1], f[2], f[3], f[4], f[5], f[6], NULL},
            "%s %s the %s over %s%s", address, verbs[e->type], list_name(e->list),
            transport_name(e->caller.transport), caller_name(&e->caller, who));
}

static void tell_feed_problem(Report *report, const FeedFile *file, const char *message)
{
    char f[2][FIELD_MAX];

    snprintf(f[0], FIELD_MAX, "NTC_LIST=%s", list_name(file->list));
    snprintf(f[1], FIELD_MAX, "NTC_FEED=%s", file->name);
    journal_send(report->journal, JOURNAL_FEED_PROBLEM, LOG_WARNING,
            (const char *const[]){f[0], f[1], NULL}, "The %s's feed %s", list_name(file->list),
            message);
}

static void tell_feed_problems(Report *report, const FeedFile *file)
{
    size_t told = MIN_OF(file->problems, (size_t)FEED_PROBLEMS_MAX);
    char more[FEED_PROBLEM_MAX];

    for (size_t i = 0; i < told; i++)
        tell_feed_problem(report, file, file->told[i]);
    if (file->problems == told)
        return;
    snprintf(more, sizeof(more), "%.200s: %zu more problems like these", file->name,
            file->problems - told);
    tell_feed_problem(report, file, more);
}

void report_feeds(Report *report, const FeedsReport *feeds)
{
    char f[2][FIELD_MAX];

    snprintf(f[0], FIELD_MAX, "NTC_ADDED=%zu", feeds->added);
    snprintf(f[1], FIELD_MAX, "NTC_REMOVED=%zu", feeds->removed);
    if (feeds->added + feeds->removed > 0)
        journal_send(report->journal, JOURNAL_FEEDS_APPLIED, LOG_INFO,
                (const char *const[]){f[0], f[1], NULL},
                "Feeds: %zu entries added to the lists, %zu removed", feeds->added, feeds->removed);
    if (!feeds->problems_changed)
        return;
    if (feeds->no_room > 0)
        report_simple(report, JOURNAL_FEED_PROBLEM, LOG_WARNING,
                "%zu entries of feeds found no room; lists.capacity sets it", feeds->no_room);
    for (size_t i = 0; i < feeds->set->n_files; i++)
        tell_feed_problems(report, feeds->set->files[i]);
}

void report_storage_failure(Report *report, const char *path, int error, size_t undone)
{
    char field[FIELD_MAX];

    snprintf(field, sizeof(field), "NTC_PATH=%s", path);
    journal_send(report->journal, JOURNAL_STORAGE_FAILED, LOG_ERR,
            (const char *const[]){field, NULL},
            "Could not write %s: %s; %zu changes of the lists undone", path, strerror(-error),
            undone);
}

void report_state_file(Report *report, const char *path, const StoreReport *state)
{
    if (state->outcome == STORE_DAMAGED)
        report_simple(report, JOURNAL_STATE_RECOVERED, LOG_ERR,
                "The state file %s can't be used (%s). It was set aside as %s; both lists start empty",
                path, state->reason, state->aside);
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
    char who[64], f[4][FIELD_MAX];

    snprintf(f[0], FIELD_MAX, "NTC_TRANSPORT=%s", transport_name(caller->transport));
    snprintf(f[1], FIELD_MAX, "NTC_SRC=%s", caller->peer);
    uid_field(caller, f[2]);
    snprintf(f[3], FIELD_MAX, "NTC_FLOWS=%zu", flows);
    journal_send(report->journal, JOURNAL_FLUSHED, LOG_NOTICE,
            (const char *const[]){f[0], f[1], f[2], f[3], NULL}, "Ended %zu flows over %s%s", flows,
            transport_name(caller->transport), caller_name(caller, who));
}

void report_denied(Report *report, const Caller *caller, const char *what)
{
    char who[64], f[3][FIELD_MAX];

    snprintf(f[0], FIELD_MAX, "NTC_TRANSPORT=%s", transport_name(caller->transport));
    snprintf(f[1], FIELD_MAX, "NTC_SRC=%s", caller->peer);
    uid_field(caller, f[2]);
    journal_send(report->journal, JOURNAL_ACCESS_DENIED, LOG_NOTICE,
            (const char *const[]){f[0], f[1], f[2], NULL}, "Refused %s over %s%s", what,
            transport_name(caller->transport), caller_name(caller, who));
}

/* True once for each slot. */
static bool is_first_drop(Report *report, uint32_t slot)
{
    uint64_t bit = 1ULL << (slot % 64);

    if (slot >= report->slots || report->dropped[slot / 64] & bit)
        return false;
    report->dropped[slot / 64] |= bit;
    return true;
}

static bool first_drop_allowed(Report *report, uint64_t now_ns)
{
    if (now_ns - report->drops_since_ns > FIRST_DROPS_EACH_NS) {
        report->drops_since_ns = now_ns;
        report->drops_told = 0;
    }
    if (report->drops_told >= FIRST_DROPS_BURST) {
        report->drops_held_back++;
        return false;
    }
    report->drops_told++;
    return true;
}

static void tell_first_drop(Report *report, const ListEntry *entry, const FlowKey *key)
{
    char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], prefix[PREFIX_TEXT_MAX], f[4][FIELD_MAX];

    address_format(&key->src, src);
    address_format(&key->dst, dst);
    prefix_format(&entry->prefix, prefix);
    snprintf(f[0], FIELD_MAX, "NTC_LIST=%s", list_name(LIST_BLACKLIST));
    snprintf(f[1], FIELD_MAX, "NTC_ADDRESS=%s", prefix);
    snprintf(f[2], FIELD_MAX, "NTC_SRC=%s", src);
    snprintf(f[3], FIELD_MAX, "NTC_DST=%s", dst);
    journal_send(report->journal, JOURNAL_FIRST_DROP, LOG_INFO,
            (const char *const[]){f[0], f[1], f[2], f[3], NULL},
            "The blacklist's %s dropped its first packet, from %s to %s", prefix, src, dst);
    if (report->drops_held_back > 0)
        report_simple(report, JOURNAL_FIRST_DROP, LOG_INFO,
                "%" PRIu64
                " more entries dropped their first packet within a minute and were not told",
                report->drops_held_back);
    report->drops_held_back = 0;
}

void report_drop(Report *report, const Control *control, const FlowDelta *delta, uint64_t now_ns)
{
    const List *list = control_list(control, LIST_BLACKLIST);
    const ListEntry *entry = list_match(list, &delta->key->src);

    if (!entry)
        entry = list_match(list, &delta->key->dst);
    if (entry && is_first_drop(report, entry->slot) && first_drop_allowed(report, now_ns))
        tell_first_drop(report, entry, delta->key);
}

static void tell_loss(Report *report, const char *what, const char *remedy, uint64_t packets)
{
    char field[FIELD_MAX];

    snprintf(field, sizeof(field), "NTC_PACKETS=%" PRIu64, packets);
    journal_send(report->journal, JOURNAL_LOSS, LOG_WARNING, (const char *const[]){field, NULL},
            "%" PRIu64 " packets %s; %s", packets, what, remedy);
}

void report_losses(
        Report *report, const Counters *counters, uint64_t drift_packets, uint64_t now_ns)
{
    uint64_t untracked = counters->untracked_packets - report->told_untracked;
    uint64_t lost = counters->events_lost_packets - report->told_lost;
    bool drifted = drift_packets > report->told_drift;

    if ((untracked == 0 && lost == 0 && !drifted) ||
            (report->losses_told_ns && now_ns - report->losses_told_ns < LOSSES_EACH_NS))
        return;
    report->losses_told_ns = now_ns;
    if (untracked > 0)
        tell_loss(report, "were judged and counted but found no room for a flow",
                "flows.capacity sets the room", untracked);
    if (lost > 0)
        tell_loss(report, "were counted but lost to the live view: the ring buffer was full",
                "events.ring_bytes sets its size", lost);
    if (drifted)
        report_simple(report, JOURNAL_ACCOUNTING_DRIFT, LOG_WARNING,
                "Flows and counters differ by %" PRIu64 " packets", drift_packets);
    report->told_untracked = counters->untracked_packets;
    report->told_lost = counters->events_lost_packets;
    report->told_drift = drift_packets;
}
