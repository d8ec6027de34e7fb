/* SPDX-License-Identifier: MIT */
#pragma once

/* Turns what the modules tell into notable events of the journal, with their fields. Decides only
 * what is worth an entry: losses and first drops are rate limited, and what the limit held back is
 * told with the next one. Borrows everything. */

#include "control/control.h"
#include "datapath/datapath.h"
#include "journal/journal.h"

typedef struct Report Report;

/* `slots` is the datapath's number of slots. */
int report_new(Journal *journal, uint32_t slots, Report **ret);
Report *report_free(Report *report);
DEFINE_CLEANUP(Report *, report_free);

void report_simple(Report *report, JournalEvent event, int priority, const char *format, ...)
        _printf_(4, 5);
/* `error` 0: attached (or, with `attached` false, detached). */
void report_attachment(Report *report, const char *interface, bool attached, int error);
void report_list_change(Report *report, const ListEvent *event);
void report_storage_failure(Report *report, const char *path, int error, size_t undone);
void report_state_file(Report *report, const char *path, const StoreReport *state);
void report_feeds(Report *report, const FeedsReport *feeds);
void report_flush(Report *report, const Caller *caller, size_t flows);
void report_denied(Report *report, const Caller *caller, const char *what);

/* A flow was dropped: the first time for each entry is notable. */
void report_drop(Report *report, const Control *control, const FlowDelta *delta, uint64_t now_ns);
/* Before the first scan, if the datapath's counters are older than this process: their losses are
 * no news. */
void report_adopt(Report *report, const Counters *counters);
/* After a scan: untracked and lost packets, and drift, since the last entry about them. */
void report_losses(
        Report *report, const Counters *counters, uint64_t drift_packets, uint64_t now_ns);
