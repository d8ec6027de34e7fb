/* SPDX-License-Identifier: MIT */
#pragma once

/* The two text formats of metrics: Prometheus 0.0.4 and OpenMetrics 1.0. A family is begun once,
 * followed by its samples. Names, helps and label names are ours and need no escaping; label values
 * do. */

#include "base/text.h"

typedef struct MetricText {
    TextBuffer *text;
    bool openmetrics;
    const char *name; /* of the family that was begun last */
} MetricText;

typedef struct MetricLabel {
    const char *name; /* NULL ends a list of labels */
    const char *value;
} MetricLabel;

#define METRIC_LABELS(...) ((const MetricLabel[]){__VA_ARGS__, {NULL, NULL}})

/* The name of a counter ends in _total. */
void metric_counter(MetricText *out, const char *name, const char *help);
void metric_gauge(MetricText *out, const char *name, const char *help);

void metric_uint64(MetricText *out, const MetricLabel *labels, uint64_t value);
void metric_double(MetricText *out, const MetricLabel *labels, double value);

/* A family of one sample without labels. */
void metric_counter_value(MetricText *out, const char *name, const char *help, uint64_t value);
void metric_gauge_value(MetricText *out, const char *name, const char *help, uint64_t value);
