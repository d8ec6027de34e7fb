/* SPDX-License-Identifier: MIT */
/* First drops and losses come at the pace of the traffic, which strangers set. So both are rate
 * limited, and what the limit held back is told with the next one. */

#include "report-internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <syslog.h>

#define FIRST_DROPS_BURST   10
#define FIRST_DROPS_EACH_NS (60 * NSEC_PER_SEC)
#define LOSSES_EACH_NS      (60 * NSEC_PER_SEC)

/* --- first drops */

void report_forget_drop(Report *report, uint32_t slot)
{
    if (slot < report->slots)
        report->dropped[slot / 64] &= ~(1ULL << (slot % 64));
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
    char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX], prefix[PREFIX_TEXT_MAX],
            f[4][REPORT_FIELD_MAX];

    address_format(&key->src, src);
    address_format(&key->dst, dst);
    prefix_format(&entry->prefix, prefix);
    snprintf(f[0], REPORT_FIELD_MAX, "NTC_LIST=%s", list_name(LIST_BLACKLIST));
    snprintf(f[1], REPORT_FIELD_MAX, "NTC_ADDRESS=%s", prefix);
    snprintf(f[2], REPORT_FIELD_MAX, "NTC_SRC=%s", src);
    snprintf(f[3], REPORT_FIELD_MAX, "NTC_DST=%s", dst);
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

/* --- losses */

void report_adopt(Report *report, const Counters *counters)
{
    report->told_untracked = counters->untracked_packets;
    report->told_lost = counters->events_lost_packets;
}

static void tell_loss(Report *report, const char *what, const char *remedy, uint64_t packets)
{
    char field[REPORT_FIELD_MAX];

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
