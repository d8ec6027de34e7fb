/* SPDX-License-Identifier: MIT */
#pragma once

/* The process_* metrics that every Prometheus client library has, from /proc/self. What can't be
 * read is left out. */

#include "http/metric-text.h"

void metrics_process(MetricText *out);
