/* SPDX-License-Identifier: MIT */
#pragma once

/* The metrics of the HTTP server itself: what was asked for, who was refused, every limit. */

#include "http/metric-text.h"
#include "http/server-state.h"

void metrics_http(MetricText *out, const HttpServer *server);
