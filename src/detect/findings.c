/* SPDX-License-Identifier: MIT */
/* What stands over its threshold is told a moment later, when its numbers are fuller; then its
 * source is left alone for a cool-down. Behind that stands a limit on all alerts together: sources
 * are easily forged, and whoever forges them must not fill the journal. */

#include "detect/detect-internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

#define SETTLE_NS       NSEC_PER_SEC
#define MINUTE_NS       (60 * NSEC_PER_SEC)
#define ALERTS_A_MINUTE 60U

static unsigned failed_percent(const WindowSums *sum)
{
    uint64_t failed = sum->syn_packets, all = failed + sum->ack_packets;

    return all > 0 ? (unsigned)(failed * 100 / all) : 0;
}

static bool is_over(const Detect *detect, AlertKind kind, const Track *track, uint64_t now_ns)
{
    const DetectConfig *config = &detect->config;
    const TrackTable *table = &detect->tables[kind];
    WindowSums sum;

    if (kind == ALERT_PORT_SCAN)
        return track_values(table, track, now_ns) >= config->scan_ports;
    if (kind == ALERT_HOST_SWEEP)
        return track_values(table, track, now_ns) >= config->sweep_hosts;
    sum = track_sum(table, track, now_ns);
    if (kind == ALERT_SYN_FLOOD)
        return sum.syn_packets >= (uint64_t)config->syn_flood_per_sec * RATE_WINDOW_SEC &&
               failed_percent(&sum) >= config->syn_flood_percent;
    return sum.packets >= (uint64_t)config->volume_per_sec * RATE_WINDOW_SEC;
}

/* --- in words */

/* Beyond that the number is an estimate, and says so. */
static const char *about(uint32_t n)
{
    return n > PORT_SET_EXACT ? "about " : "";
}

static void describe_port_scan(const Detect *detect, const Track *track, Alert *alert)
{
    char who[ADDRESS_TEXT_MAX];

    alert->hosts = 1;
    address_format(&track->key.other, alert->target);
    snprintf(alert->message, sizeof(alert->message),
            "%s tried %s%" PRIu32 " %s ports of %s in vain within %" PRIu32 " s",
            address_format(&alert->address, who), about(alert->ports), alert->ports,
            protocol_class_name(protocol_class_of(track->key.protocol)), alert->target,
            detect->config.window_sec);
}

static void describe_host_sweep(const Detect *detect, const Track *track, Alert *alert)
{
    char who[ADDRESS_TEXT_MAX];

    alert->hosts = alert->ports;
    alert->ports = 1;
    snprintf(alert->target, sizeof(alert->target), "TCP port %u", track->key.port);
    snprintf(alert->message, sizeof(alert->message),
            "%s tried %s of %s%" PRIu32 " hosts in vain within %" PRIu32 " s",
            address_format(&alert->address, who), alert->target, about(alert->hosts), alert->hosts,
            detect->config.window_sec);
}

static void describe_syn_flood(const WindowSums *sum, const Track *track, Alert *alert)
{
    char who[ADDRESS_TEXT_MAX];

    alert->hosts = alert->ports;
    alert->ports = 1;
    alert->packets = sum->syn_packets;
    snprintf(alert->target, sizeof(alert->target), "TCP port %u", track->key.port);
    snprintf(alert->message, sizeof(alert->message),
            "%s of %s got %" PRIu64 " SYNs from %s%" PRIu32
            " address%s within %u s that came to nothing, %u %% of all",
            alert->target, address_format(&alert->address, who), alert->packets,
            about(alert->hosts), alert->hosts, alert->hosts == 1 ? "" : "es", RATE_WINDOW_SEC,
            failed_percent(sum));
}

static void describe_volume(Alert *alert)
{
    char who[ADDRESS_TEXT_MAX];

    snprintf(alert->message, sizeof(alert->message),
            "%s sent %" PRIu64 " packets within %u s that nobody answered",
            address_format(&alert->address, who), alert->packets, RATE_WINDOW_SEC);
}

static Alert describe(const Detect *detect, AlertKind kind, const Track *track, uint64_t now_ns)
{
    const TrackTable *table = &detect->tables[kind];
    WindowSums sum = track_sum(table, track, now_ns);
    Alert alert = {.kind = kind,
            .address = track->key.who,
            .ifindex = track->ifindex,
            .ports = track_values(table, track, now_ns),
            .packets = sum.packets};

    if (kind == ALERT_PORT_SCAN)
        describe_port_scan(detect, track, &alert);
    else if (kind == ALERT_HOST_SWEEP)
        describe_host_sweep(detect, track, &alert);
    else if (kind == ALERT_SYN_FLOOD)
        describe_syn_flood(&sum, track, &alert);
    else
        describe_volume(&alert);
    return alert;
}

/* --- may it be told? */

static TrackKey told_key(AlertKind kind, const Address *address)
{
    return (TrackKey){.who = *address, .port = alert_names_source(kind)};
}

static bool is_cooling_down(const Detect *detect, const TrackKey *key, uint64_t now_ns)
{
    const Track *told = track_find(&detect->told, key);

    return told && now_ns - told->touched_ns < detect->config.cooldown_sec * NSEC_PER_SEC;
}

static bool is_exempt(const Detect *detect, AlertKind kind, const Address *address)
{
    return alert_names_source(kind) && detect->observer.exempt &&
           detect->observer.exempt(address, detect->observer.userdata);
}

static bool is_within_limit(Detect *detect, uint64_t now_ns)
{
    if (now_ns - detect->minute_ns >= MINUTE_NS) {
        detect->minute_ns = now_ns;
        detect->told_in_minute = 0;
    }
    if (detect->told_in_minute >= ALERTS_A_MINUTE)
        return false;
    detect->told_in_minute++;
    return true;
}

static void tell(Detect *detect, AlertKind kind, Track *track, uint64_t now_ns)
{
    TrackKey key = told_key(kind, &track->key.who);
    Alert alert;

    if (is_cooling_down(detect, &key, now_ns) || is_exempt(detect, kind, &track->key.who))
        return;
    (void)track_touch(&detect->told, &key, now_ns);
    if (!is_within_limit(detect, now_ns)) {
        detect->suppressed++;
        return;
    }
    alert = describe(detect, kind, track, now_ns);
    track_reset(&detect->tables[kind], track); /* what was told is not told again */
    detect->observer.alert(&alert, detect->observer.userdata);
}

static void look_at(Detect *detect, AlertKind kind, Track *track, uint64_t now_ns)
{
    if (track->crossed_ns == 0 && track->touched_ns <= detect->last_tick_ns)
        return;
    if (!is_over(detect, kind, track, now_ns)) {
        track->crossed_ns = 0;
    } else if (track->crossed_ns == 0) {
        track->crossed_ns = now_ns;
    } else if (now_ns - track->crossed_ns >= SETTLE_NS) {
        track->crossed_ns = 0;
        tell(detect, kind, track, now_ns);
    }
}

void findings_tell(Detect *detect, uint64_t now_ns)
{
    for (int kind = 0; kind < _ALERT_KIND_MAX; kind++) {
        TrackTable *table = &detect->tables[kind];

        track_drop_idle(table, now_ns);
        for (Track *track = table->newest; track; track = track->older)
            look_at(detect, (AlertKind)kind, track, now_ns);
    }
    track_drop_idle(&detect->told, now_ns);
}
