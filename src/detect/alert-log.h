/* SPDX-License-Identifier: MIT */
#pragma once

/* The last alerts of this process, and how many there were. Bounded: the oldest go. Each has a
 * number, counted from 1, by which others can refer to it without holding it. */

#include "base/cleanup.h"
#include "detect/alert.h"

typedef struct AlertLog AlertLog;

int alert_log_new(size_t capacity, AlertLog **ret); /* -EINVAL for 0, -ENOMEM */
AlertLog *alert_log_free(AlertLog *log);
DEFINE_CLEANUP(AlertLog *, alert_log_free);

/* Copied, but for the number, which is returned. */
uint64_t alert_log_add(AlertLog *log, const Alert *alert);
const Alert *alert_log_get(const AlertLog *log, uint64_t number); /* NULL: gone, or never was */
uint64_t alert_log_first(const AlertLog *log);                    /* the oldest that is held */
uint64_t alert_log_last(const AlertLog *log);                     /* 0: none yet */
uint64_t alert_log_total(const AlertLog *log, AlertKind kind);    /* since the process began */

/* Newest first into `alerts`, up to query->limit; *ret_more: there are more. */
size_t alert_log_find(const AlertLog *log, const AlertQuery *query, Alert *alerts, bool *ret_more);
