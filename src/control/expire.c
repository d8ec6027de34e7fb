/* SPDX-License-Identifier: MIT */
/* Entries whose time is up leave by the same way as all others: kernel, file, observer. The clock
 * is CLOCK_BOOTTIME, which nobody sets and which goes on during suspend. */

#include "base/clock.h"
#include "base/log.h"
#include "control/control-internal.h"

#include <inttypes.h>
#include <string.h>
#include <utlist.h>

/* A bound on how long the loop stands still when a whole feed expires at once. */
#define EXPIRE_MAX       4096
#define ACCURACY_USEC    (20 * USEC_PER_MSEC)
#define RETRY_AFTER_USEC (10 * USEC_PER_SEC)

static ListEntry *next_to_expire(const Control *control, ListId *ret_list)
{
    ListEntry *first = NULL;

    for (ListId id = 0; id < _LIST_MAX; id++) {
        ListEntry *entry = list_next_to_expire(control->lists[id]);

        if (!entry || (first && first->expires_boottime_ns <= entry->expires_boottime_ns))
            continue;
        first = entry;
        *ret_list = id;
    }
    return first;
}

static void set_timer(Control *control, uint64_t boottime_usec)
{
    int r = sd_event_source_set_time(control->expiry_timer, boottime_usec);

    if (r >= 0)
        r = sd_event_source_set_enabled(control->expiry_timer, SD_EVENT_ONESHOT);
    if (r < 0)
        log_error("Could not set the timer for the next expiry: %s", strerror(-r));
}

void expiry_arm(Control *control)
{
    ListId list;
    const ListEntry *entry = next_to_expire(control, &list);

    if (!control->expiry_timer)
        return;
    if (entry)
        set_timer(control, entry->expires_boottime_ns / NSEC_PER_USEC + 1);
    else
        sd_event_source_set_enabled(control->expiry_timer, SD_EVENT_OFF);
}

/* The heap shows only its first entry: each one is taken off in turn, and all are put back before
 * the kernel is asked. */
static int collect(Control *control, uint64_t now_ns, Edit **ret)
{
    _cleanup_(edits_free) Edit *edits = NULL;
    size_t n = 0, room = EDITS_MAX - MIN_OF(control->n_edits, (size_t)EDITS_MAX);
    ListEntry *entry;
    ListId list;
    int r = 0;

    while (n < MIN_OF(room, (size_t)EXPIRE_MAX) && (entry = next_to_expire(control, &list)) &&
            entry->expires_boottime_ns <= now_ns) {
        _cleanup_(list_entry_unrefp) ListEntry *after = feeds_instead_of(control, list, entry);
        Edit *edit = edit_new(EDIT_EXPIRE, list, &entry->prefix, entry, after);

        if (!edit) {
            r = -ENOMEM;
            break;
        }
        DL_APPEND(edits, edit);
        (void)list_remove(control->lists[list], &edit->prefix, NULL);
        n++;
    }
    for (Edit *edit = edits; edit; edit = edit->next)
        if (list_add(control->lists[edit->list], edit->before) < 0)
            log_error("Out of memory while the %s was searched", list_name(edit->list));
    if (r < 0 && n == 0)
        return r;
    *ret = TAKE_PTR(edits);
    return (int)n;
}

int expiry_run(Control *control, uint64_t now_boottime_ns)
{
    _cleanup_(edits_free) Edit *edits = NULL;
    int n = collect(control, now_boottime_ns, &edits), r;

    if (n <= 0)
        return n;
    r = edits_apply(control, edits);
    if (r < 0)
        return r;
    persist_edits(control, TAKE_PTR(edits));
    return n;
}

/* More may be due than one run takes: arming again fires at once. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    Control *control = userdata;
    uint64_t now_ns = control->clock().boottime_ns;
    const ListEntry *entry;
    ListId list;
    int n = expiry_run(control, now_ns);

    if (n < 0)
        log_error("Could not remove what expired: %s; trying again", strerror(-n));
    entry = next_to_expire(control, &list);
    if (n <= 0 && entry && entry->expires_boottime_ns <= now_ns)
        set_timer(control, now_ns / NSEC_PER_USEC + RETRY_AFTER_USEC);
    else
        expiry_arm(control);
    return 0;
}

int expiry_start(Control *control)
{
    int r = sd_event_add_time(control->event, &control->expiry_timer, CLOCK_BOOTTIME, 0,
            ACCURACY_USEC, on_timer, control);

    if (r >= 0)
        expiry_arm(control);
    return r;
}
