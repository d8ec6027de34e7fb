/* SPDX-License-Identifier: MIT */
#pragma once

/* One-shot timers on the event loop. sd-event's own relative time is set once and for one shot:
 * whoever wants to be called again sets the timer again. */

#include <stdint.h>
#include <systemd/sd-event.h>

/* On CLOCK_MONOTONIC, and not set. The caller's, for sd_event_source_disable_unref(). */
int loop_timer_new(
        sd_event *event, sd_event_time_handler_t handler, void *userdata, sd_event_source **ret);

/* Once, so long from now, whatever it was set to before. A failure is logged as well, for most who
 * call this are callbacks and can only go on. */
int loop_timer_set(sd_event_source *timer, uint64_t usec);
