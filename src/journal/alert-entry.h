/* SPDX-License-Identifier: MIT */
#pragma once

/* An alert as a journal entry: how it is written, and how it is read again. */

#include "detect/alert.h"
#include "journal/journal.h"

JournalEvent alert_event(AlertKind kind);
void journal_send_alert(Journal *journal, const Alert *alert);
