/* SPDX-License-Identifier: MIT */
#include "detect/alert.h"

#include "base/cleanup.h"

#include <string.h>

const char *alert_kind_name(AlertKind kind)
{
    static const char *const names[_ALERT_KIND_MAX] = {
            "port-scan", "host-sweep", "syn-flood", "volume"};

    return (unsigned)kind < _ALERT_KIND_MAX ? names[kind] : NULL;
}

int alert_kind_from_name(const char *name, AlertKind *ret)
{
    for (int kind = 0; kind < _ALERT_KIND_MAX; kind++)
        if (strcmp(alert_kind_name((AlertKind)kind), name) == 0) {
            *ret = (AlertKind)kind;
            return 0;
        }
    return -EINVAL;
}

bool alert_names_source(AlertKind kind)
{
    return kind != ALERT_SYN_FLOOD;
}

bool alert_matches(const Alert *alert, const AlertQuery *query)
{
    return alert->wall_ns >= query->since_wall_ns && alert->wall_ns <= query->until_wall_ns &&
           (!query->has_kind || alert->kind == query->kind) &&
           (!query->has_ip || prefix_contains_address(&query->ip, &alert->address));
}

const char *alert_source_name(AlertSource source)
{
    static const char *const names[_ALERT_SOURCE_MAX] = {"journal", "volatile-journal", "memory"};

    return names[source];
}
