/* SPDX-License-Identifier: MIT */
#pragma once

/* An alert as a journal entry: how it is written, and how it is read again. */

#include "detect/alert.h"
#include "journal/journal.h"

#include <systemd/sd-journal.h>

/* Once, before the threads that read. */
int alert_entry_begin_run(void);

JournalEvent alert_event(AlertKind kind);
void journal_send_alert(Journal *journal, const Alert *alert);
/* From where `journal` stands; alert->number is 0 unless this process wrote it. -ENOENT, -EINVAL:
 * it is no alert of ours; other -errno of the journal. */
int alert_entry_read(sd_journal *journal, Alert *ret);
