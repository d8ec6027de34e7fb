/* SPDX-License-Identifier: MIT */
#pragma once

#include "http/event-ring.h"
#include "stats/stats.h"

/* Appends one record as a server-sent event. */
void sse_format(TextBuffer *text, const EventRecord *record, const Stats *stats);
