/* SPDX-License-Identifier: MIT */
#pragma once

/* Notable events: structured journal entries with a MESSAGE_ID (message-ids.h), or a line on stderr
 * where there is no journal. Packets and flows are not notable.
 *
 * sd_journal_send() blocks when journald hangs, so entries go through a bounded queue to a worker;
 * what does not fit is counted. Called from the loop's thread only; no call waits. */

#include "base/cleanup.h"
#include "journal/message-ids.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Journal Journal;

/* Is somebody there to take entries? */
bool journal_is_there(void);

/* Not connected to anything yet; entries go to the journal when its socket exists, else to stderr.
 */
int journal_new(sd_event *event, Journal **ret);
/* Waits at most 1 s for what is queued. */
Journal *journal_free(Journal *journal);
DEFINE_CLEANUP(Journal *, journal_free);

/* `fields` are "NAME=value" texts, NULL-terminated list of at most 16; NULL entries in between are
 * skipped by passing "". All texts are copied. Control characters in values are escaped on stderr.
 */
void journal_send(Journal *journal, JournalEvent event, int priority, const char *const *fields,
        const char *message_format, ...) _printf_(5, 6);

uint64_t journal_lost(const Journal *journal); /* entries that did not fit */
uint64_t journal_written(const Journal *journal);
