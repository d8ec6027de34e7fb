/* SPDX-License-Identifier: MIT */
#include "base/loop-timer.h"

#include "base/log.h"

#include <string.h>
#include <time.h>

int loop_timer_new(
        sd_event *event, sd_event_time_handler_t handler, void *userdata, sd_event_source **ret)
{
    int r = sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, 0, 0, handler, userdata);

    return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int loop_timer_set(sd_event_source *timer, uint64_t usec)
{
    int r = sd_event_source_set_time_relative(timer, usec);

    if (r >= 0)
        r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
    if (r < 0)
        log_error("Could not set a timer: %s", strerror(-r));
    return r;
}
