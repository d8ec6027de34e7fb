/* SPDX-License-Identifier: MIT */
#include "http/metric-text.h"

#include <string.h>

/* OpenMetrics names a counter's family without the suffix. */
static void begin(MetricText *out, const char *name, const char *help, const char *type)
{
    size_t n = strlen(name);

    if (out->openmetrics && type[0] == 'c')
        n -= strlen("_total");
    out->name = name;
    text_appendf(
            out->text, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)n, name, help, (int)n, name, type);
}

void metric_counter(MetricText *out, const char *name, const char *help)
{
    begin(out, name, help, "counter");
}

void metric_gauge(MetricText *out, const char *name, const char *help)
{
    begin(out, name, help, "gauge");
}

static void append_byte(TextBuffer *text, unsigned char byte, bool utf8)
{
    if (byte == '\n')
        text_append(text, "\\n");
    else if (byte == '"' || byte == '\\') {
        char pair[2] = {'\\', (char)byte};
        text_append_bytes(text, pair, 2);
    } else if (byte >= 0x80 && !utf8)
        text_appendf(text, "\\\\x%02x", byte);
    else
        text_append_bytes(text, &byte, 1);
}

/* Names of interfaces may hold any byte but a few, and scrapers refuse a whole page for one value
 * that isn't UTF-8: its bytes are then written in hexadecimal, which keeps different names apart.
 */
static void append_value(TextBuffer *text, const char *value)
{
    bool utf8 = text_is_utf8(value, strlen(value));

    for (; *value; value++)
        append_byte(text, (unsigned char)*value, utf8);
}

static void append_name(MetricText *out, const MetricLabel *labels)
{
    text_append(out->text, out->name);
    for (size_t i = 0; labels && labels[i].name; i++) {
        text_append(out->text, i ? "," : "{");
        text_append(out->text, labels[i].name);
        text_append(out->text, "=\"");
        append_value(out->text, labels[i].value);
        text_append(out->text, "\"");
    }
    text_append(out->text, labels && labels[0].name ? "} " : " ");
}

void metric_uint64(MetricText *out, const MetricLabel *labels, uint64_t value)
{
    append_name(out, labels);
    text_append_uint64(out->text, value);
    text_append(out->text, "\n");
}

void metric_double(MetricText *out, const MetricLabel *labels, double value)
{
    append_name(out, labels);
    text_appendf(out->text, "%.6g\n", value);
}

void metric_counter_value(MetricText *out, const char *name, const char *help, uint64_t value)
{
    metric_counter(out, name, help);
    metric_uint64(out, NULL, value);
}

void metric_gauge_value(MetricText *out, const char *name, const char *help, uint64_t value)
{
    metric_gauge(out, name, help);
    metric_uint64(out, NULL, value);
}
