/* SPDX-License-Identifier: MIT */
/* After a reboot an entry lives for at most the time that was left when the file was written, since
 * the wall clock may stand in the past then. So that this is near the truth, the file is written
 * again from time to time while some entry has a time limit, and at a clean stop. Rarely, for the
 * disk may be an SD card; and not at a stop right after the start, which may be that of a second
 * process that lost the race for the port, with a picture of the lists that is already old: one
 * that ends before its loop ran writes nothing at all. What the disk refused and no edit waits for
 * is tried again then, too. */

#include "base/clock.h"
#include "base/loop-timer.h"
#include "control/control-internal.h"

#define INTERVAL_USEC   (3600 * USEC_PER_SEC)
#define ACCURACY_USEC   (60 * USEC_PER_SEC)
#define AGE_AT_STOP_NS  (60 * NSEC_PER_SEC)
#define AGE_AT_TIMER_NS (INTERVAL_USEC / 2 * NSEC_PER_USEC)

bool remaining_any(const Control *control)
{
    for (ListId id = 0; id < _LIST_MAX; id++)
        if (control->lists[id] && list_next_to_expire(control->lists[id]))
            return true;
    return false;
}

static void save_if_older(Control *control, uint64_t age_ns)
{
    uint64_t now_ns = control->clock().boottime_ns;

    control->unsaved |= remaining_any(control) && now_ns >= control->saved_ns + age_ns;
    persist_kick(control);
}

void remaining_save_at_stop(Control *control)
{
    if (control->running)
        save_if_older(control, AGE_AT_STOP_NS);
}

void remaining_save_in_time(Control *control)
{
    save_if_older(control, AGE_AT_TIMER_NS);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    remaining_save_in_time(userdata);
    (void)loop_timer_set(source, INTERVAL_USEC);
    return 0;
}

int remaining_start(Control *control)
{
    control->saved_ns = control->clock().boottime_ns;
    return sd_event_add_time_relative(control->event, &control->remaining_timer, CLOCK_BOOTTIME,
            INTERVAL_USEC, ACCURACY_USEC, on_timer, control);
}
