/* SPDX-License-Identifier: MIT */
#include "journal/alert-entry.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#define FIELD_MAX 128
#define FIELDS    9

JournalEvent alert_event(AlertKind kind)
{
    static const JournalEvent events[_ALERT_KIND_MAX] = {
            [ALERT_PORT_SCAN] = JOURNAL_PORT_SCAN,
            [ALERT_HOST_SWEEP] = JOURNAL_HOST_SWEEP,
            [ALERT_SYN_FLOOD] = JOURNAL_SYN_FLOOD,
            [ALERT_VOLUME] = JOURNAL_VOLUME,
    };

    return events[kind];
}

void journal_send_alert(Journal *journal, const Alert *alert)
{
    char f[FIELDS][FIELD_MAX] = {}, text[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];
    const char *ip = address_format(&alert->address, text);

    snprintf(f[0], FIELD_MAX, "NTC_ADDRESS=%s", ip);
    snprintf(f[1], FIELD_MAX, "%s=%s", alert_names_source(alert->kind) ? "NTC_SRC" : "NTC_DST", ip);
    snprintf(f[2], FIELD_MAX, "NTC_TARGET=%s", alert->target);
    snprintf(f[3], FIELD_MAX, "NTC_INTERFACE=%s", alert->interface);
    snprintf(f[4], FIELD_MAX, "NTC_PORTS=%" PRIu32, alert->ports);
    snprintf(f[5], FIELD_MAX, "NTC_HOSTS=%" PRIu32, alert->hosts);
    snprintf(f[6], FIELD_MAX, "NTC_PACKETS=%" PRIu64, alert->packets);
    snprintf(f[7], FIELD_MAX, "NTC_TIME=%s", time_format_rfc3339(alert->wall_ns, time));
    if (alert->blocked_until_wall_ns > 0)
        snprintf(f[8], FIELD_MAX, "NTC_BLOCKED_UNTIL=%s",
                time_format_rfc3339(alert->blocked_until_wall_ns, time));
    journal_send(journal, alert_event(alert->kind), LOG_WARNING,
            (const char *const[]){f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], NULL}, "%s",
            alert->message);
}
