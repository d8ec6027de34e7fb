/* SPDX-License-Identifier: MIT */
#pragma once

/* Alerts of the past, read from the journal: it is the only database. What this process remembers
 * is added, so that an alert is there as soon as it was told; and where there is no journal, that
 * is all, and the answer says so.
 *
 * Reading may block, so it happens on a worker: bounded in how many ask at a time, in entries
 * looked at, and in time. Only entries of root and of the daemon's own user are believed: anybody
 * may write to the journal under any name. */

#include "base/cleanup.h"
#include "detect/alert-log.h"

#include <systemd/sd-event.h>

typedef struct AlertHistory AlertHistory;

/* `log` is borrowed. */
int alert_history_new(sd_event *event, const AlertLog *log, AlertHistory **ret);
/* Who still waits is answered, if the journal answers within a second. */
AlertHistory *alert_history_free(AlertHistory *history);
DEFINE_CLEANUP(AlertHistory *, alert_history_free);

/* `found` is called once, at once or later. -EBUSY: too many wait, it won't be; -ENOMEM. */
int alert_history_find(
        AlertHistory *history, const AlertQuery *query, AlertsFoundFn found, void *userdata);
