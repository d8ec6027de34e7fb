/* SPDX-License-Identifier: MIT */
#include "flow/counters.h"

#include <stddef.h>

static void add(Count *sum, const Count *count)
{
    sum->packets += count->packets;
    sum->bytes += count->bytes;
}

Count counters_of_protocol(const Counters *counters, ProtocolClass protocol)
{
    Count sum = {};

    for (int d = 0; d < _DIRECTION_MAX; d++)
        for (int a = 0; a < _ACTION_MAX; a++)
            add(&sum, &counters->by[protocol][d][a]);
    return sum;
}

Count counters_of_direction(const Counters *counters, Direction direction)
{
    Count sum = {};

    for (int p = 0; p < _PROTOCOL_MAX; p++)
        for (int a = 0; a < _ACTION_MAX; a++)
            add(&sum, &counters->by[p][direction][a]);
    return sum;
}

Count counters_of_action(const Counters *counters, Action action)
{
    Count sum = {};

    for (int p = 0; p < _PROTOCOL_MAX; p++)
        for (int d = 0; d < _DIRECTION_MAX; d++)
            add(&sum, &counters->by[p][d][action]);
    return sum;
}

Count counters_total(const Counters *counters)
{
    Count sum = {};

    for (int a = 0; a < _ACTION_MAX; a++) {
        Count count = counters_of_action(counters, (Action)a);

        add(&sum, &count);
    }
    return sum;
}

uint64_t counters_suppressed_events(const Counters *counters)
{
    uint64_t sum = 0;

    for (int a = 0; a < _ACTION_MAX; a++)
        sum += counters->events_suppressed_packets[a];
    return sum;
}

uint64_t counters_tracked_packets(const Counters *counters)
{
    return counters_total(counters).packets -
           counters_of_protocol(counters, PROTOCOL_NONIP).packets - counters->untracked_packets -
           counters->unreadable_packets;
}
