/* SPDX-License-Identifier: MIT */
#pragma once

#include "http/event-ring.h"
#include "http/server.h"

/* Appends one record as a server-sent event. */
void sse_format(TextBuffer *text, const EventRecord *record, const HttpContext *context);
