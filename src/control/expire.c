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

static int compare_deadlines(const void *a, const void *b)
{
    const ListEntry *one = *(ListEntry *const *)a, *other = *(ListEntry *const *)b;

    return (one->expires_boottime_ns > other->expires_boottime_ns) -
           (one->expires_boottime_ns < other->expires_boottime_ns);
}

static int append_edit(Control *control, ListId list, ListEntry *entry, Edit **edits)
{
    _cleanup_(list_entry_unrefp) ListEntry *after = feeds_instead_of(control, list, entry);
    Edit *edit = edit_new(EDIT_EXPIRE, list, &entry->prefix, entry, after);

    if (!edit)
        return -ENOMEM;
    DL_APPEND(*edits, edit);
    return 0;
}

/* As many as there is room for; returns how many. */
static int collect(Control *control, uint64_t now_ns, Edit **ret)
{
    size_t room = EDITS_MAX - MIN_OF(control->n_edits, (size_t)EDITS_MAX);
    size_t left = MIN_OF(room, (size_t)EXPIRE_MAX);
    _cleanup_free_ ListEntry **due = reallocarray(NULL, left + 1, sizeof(ListEntry *));
    int collected = 0;

    if (!due)
        return -ENOMEM;
    for (ListId id = 0; id < _LIST_MAX; id++) {
        size_t n = list_expired(control->lists[id], now_ns, due, left);

        qsort(due, n, sizeof(ListEntry *), compare_deadlines);
        for (size_t i = 0; i < n; i++, collected++)
            if (append_edit(control, id, due[i], ret) < 0)
                return collected > 0 ? collected : -ENOMEM;
        left -= n;
    }
    return collected;
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
