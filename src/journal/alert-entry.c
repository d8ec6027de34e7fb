/* SPDX-License-Identifier: MIT */
/* Which process wrote an entry is told by a number drawn at its start, NTC_ALERT=RUN:NUMBER; pids
 * come again. */

#define SD_JOURNAL_SUPPRESS_LOCATION 1

#include "journal/alert-entry.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-id128.h>

#define FIELD_MAX       128
#define FIELDS          10
#define FIELD_THRESHOLD 4096 /* of longer ones not everything is read */

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

static char run_id[SD_ID128_STRING_MAX]; /* "": none, nothing read is ours */

int alert_entry_begin_run(void)
{
    sd_id128_t id;
    int r = sd_id128_randomize(&id);

    if (r >= 0)
        sd_id128_to_string(id, run_id);
    return r;
}

/* --- written */

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
    snprintf(f[8], FIELD_MAX, "NTC_ALERT=%s:%" PRIu64, run_id, alert->number);
    if (alert->blocked_until_wall_ns > 0)
        snprintf(f[9], FIELD_MAX, "NTC_BLOCKED_UNTIL=%s",
                time_format_rfc3339(alert->blocked_until_wall_ns, time));
    journal_send(journal, alert_event(alert->kind), LOG_WARNING,
            (const char *const[]){f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], NULL},
            "%s", alert->message);
}

/* --- read again */

/* The value of a field that fits. */
static int get_text(sd_journal *journal, const char *field, char *ret, size_t size)
{
    size_t name = strlen(field) + 1, length;
    const void *data;
    int r = sd_journal_get_data(journal, field, &data, &length);

    if (r < 0)
        return r;
    if (length < name || length - name >= size || memchr(data, '\0', length))
        return -EINVAL;
    memcpy(ret, (const char *)data + name, length - name);
    ret[length - name] = '\0';
    return text_is_printable(ret) ? 0 : -EINVAL;
}

static int get_uint64(sd_journal *journal, const char *field, uint64_t max, uint64_t *ret)
{
    char text[24];
    int r = get_text(journal, field, text, sizeof(text));

    return r < 0 ? r : parse_uint64(text, 0, max, ret);
}

static int get_time(sd_journal *journal, const char *field, uint64_t *ret_wall_ns)
{
    char text[TIME_TEXT_MAX];
    int r = get_text(journal, field, text, sizeof(text));

    return r < 0 ? r : time_parse_rfc3339(text, ret_wall_ns);
}

static int get_who(sd_journal *journal, Alert *alert)
{
    char text[ADDRESS_TEXT_MAX];
    int r = get_text(journal, "NTC_EVENT", text, sizeof(text));

    if (r >= 0)
        r = alert_kind_from_name(text, &alert->kind);
    if (r >= 0)
        r = get_text(journal, "NTC_ADDRESS", text, sizeof(text));
    return r < 0 ? r : address_parse(text, &alert->address);
}

static int get_counts(sd_journal *journal, Alert *alert)
{
    uint64_t ports = 0, hosts = 0;
    int r = get_uint64(journal, "NTC_PORTS", UINT32_MAX, &ports);

    if (r >= 0)
        r = get_uint64(journal, "NTC_HOSTS", UINT32_MAX, &hosts);
    if (r >= 0)
        r = get_uint64(journal, "NTC_PACKETS", UINT64_MAX, &alert->packets);
    alert->ports = (uint32_t)ports;
    alert->hosts = (uint32_t)hosts;
    return r;
}

static int get_texts(sd_journal *journal, Alert *alert)
{
    int r = get_text(journal, "MESSAGE", alert->message, sizeof(alert->message));

    if (r >= 0)
        r = get_text(journal, "NTC_TARGET", alert->target, sizeof(alert->target));
    if (r >= 0)
        r = get_text(journal, "NTC_INTERFACE", alert->interface, sizeof(alert->interface));
    return r;
}

static uint64_t get_own_number(sd_journal *journal)
{
    char text[FIELD_MAX];
    size_t length = strlen(run_id);
    uint64_t number = 0;

    if (length == 0 || get_text(journal, "NTC_ALERT", text, sizeof(text)) < 0 ||
            strncmp(text, run_id, length) != 0 || text[length] != ':')
        return 0;
    (void)parse_uint64(text + length + 1, 1, UINT64_MAX, &number);
    return number;
}

int alert_entry_read(sd_journal *journal, Alert *ret)
{
    Alert alert = {};
    int r = sd_journal_set_data_threshold(journal, FIELD_THRESHOLD);

    if (r >= 0)
        r = get_time(journal, "NTC_TIME", &alert.wall_ns);
    if (r >= 0)
        r = get_who(journal, &alert);
    if (r >= 0)
        r = get_counts(journal, &alert);
    if (r >= 0)
        r = get_texts(journal, &alert);
    if (r < 0)
        return r;
    (void)get_time(journal, "NTC_BLOCKED_UNTIL", &alert.blocked_until_wall_ns);
    alert.number = get_own_number(journal);
    *ret = alert;
    return 0;
}
