/* SPDX-License-Identifier: MIT */
/* A scan is split into steps, each in a turn of the loop in which nothing else is due. Under a
 * flood of requests there may be none for long: a scan that is still running when the next one is
 * due takes turns with HTTP, so that counters, alerts and the room for new flows don't have to
 * wait. */

#include "daemon-internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop-timer.h"

#include <string.h>

static void scan_finished(Daemon *d, const ScanResult *result, uint64_t now_ns)
{
    uint64_t hidden = hidden_packets(&result->counters);

    stats_set_scan_time(d->stats, &d->scan_time);
    stats_set_counters(d->stats, &result->counters, result->drift_packets, now_ns);
    detect_tick(d->detect, now_ns);
    report_losses(d->report, &result->counters, result->drift_packets, now_ns);
    /* Packets on their way between the two counts may be told too early: then the next gap is the
     * smaller. */
    if (d->watchers == 0 || hidden <= d->hidden_packets)
        return;
    http_server_push_gap(d->http, hidden - d->hidden_packets);
    d->hidden_packets = hidden;
}

static void step_took(ScanTime *time, uint64_t ns)
{
    time->all_steps_ns += ns;
    time->longest_step_ns = MAX_OF(time->longest_step_ns, ns);
}

static int on_scan_step(sd_event_source *source, void *userdata)
{
    Daemon *d = userdata;
    ScanResult result;
    uint64_t now_ns = clock_monotonic_ns();
    int r = scanner_step(d->scanner, now_ns, &result);

    step_took(&d->scan_time, clock_monotonic_ns() - now_ns);
    if (r > 0)
        return 0;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
    if (r < 0)
        log_warning("The scan of the flows was given up: %s", strerror(-r));
    else
        scan_finished(d, &result, now_ns);
    return 0;
}

/* A scan that took more than a tenth of the interval is one of a full table on a processor that has
 * a flood to receive: half as many are enough, and leave it the rest. */
static uint64_t next_scan_usec(const Daemon *d, const ScanTime *last)
{
    uint64_t interval_usec = d->config->flows.scan_interval_ms * USEC_PER_MSEC;

    return last->all_steps_ns > interval_usec * NSEC_PER_USEC / 10 ? 2 * interval_usec
                                                                   : interval_usec;
}

static int on_scan_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    Daemon *d = userdata;
    ScanTime last = d->scan_time;
    int r;

    if (scanner_running(d->scanner))
        sd_event_source_set_priority(d->scan_step, HTTP_PRIORITY);
    else
        d->scan_time = (ScanTime){};
    r = scanner_begin(d->scanner, clock_monotonic_ns());
    if (r < 0)
        log_warning("Could not begin a scan of the flows: %s", strerror(-r));
    else
        sd_event_source_set_enabled(d->scan_step, SD_EVENT_ON);
    (void)loop_timer_set(source, next_scan_usec(d, &last));
    return 0;
}

/* What adopted maps hold already is neither this minute's traffic nor a difference to explain. */
static void go_on_from_adopted(Daemon *d)
{
    Counters counters;

    if (!datapath_adopted(d->datapath) ||
            d->datapath->ops->read_counters(d->datapath, &counters) < 0)
        return;
    scanner_adopt(d->scanner);
    stats_set_baseline(d->stats, &counters, d->started_ns);
    report_adopt(d->report, &counters);
    d->hidden_packets = hidden_packets(&counters);
    log_info("Going on with the flows and counters of the process before");
}

int start_scanning(Daemon *d)
{
    int r;

    go_on_from_adopted(d);
    r = sd_event_add_defer(d->event, &d->scan_step, on_scan_step, d);
    if (r < 0)
        return r;
    sd_event_source_set_enabled(d->scan_step, SD_EVENT_OFF);
    /* The loop serves everything else first. */
    sd_event_source_set_priority(d->scan_step, SD_EVENT_PRIORITY_IDLE);
    return sd_event_add_time_relative(
            d->event, &d->scan_timer, CLOCK_MONOTONIC, 0, 0, on_scan_timer, d);
}
