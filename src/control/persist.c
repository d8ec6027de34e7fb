/* SPDX-License-Identifier: MIT */
/* Edits wait in one line, oldest first. While a write runs, the first n_written of them are in it
 * and the rest came later; the next write takes all that came meanwhile, however many. Invariant:
 * `writing` says that exactly one job is with the writer.
 *
 * When the disk refuses, *all* edits in the line are undone: the later ones were made on top of the
 * earlier ones, so none of them can stay without the others. Only then is anybody told.
 *
 * Callbacks may submit further commands. Therefore edits leave the line before a callback runs, and
 * memory, kernel and line are in order by then. */

#include "base/clock.h"
#include "base/log.h"
#include "control/control-internal.h"

#include <string.h>
#include <utlist.h>

#define FINISH_TIMEOUT_USEC (5 * USEC_PER_SEC)

typedef struct WriteJob {
    Control *control;
    ListSnapshot *snapshot; /* owned */
    char *path;             /* owned */
    StoreClock now;
    bool unsaved; /* the control's, when it began */
} WriteJob;

static WriteJob *write_job_free(WriteJob *job)
{
    if (!job)
        return NULL;
    list_snapshot_free(job->snapshot);
    free(job->path);
    free(job);
    return NULL;
}
DEFINE_CLEANUP(WriteJob *, write_job_free);

/* --- answers */

static void answer(const Edit *edit, ControlError error, const char *message)
{
    char address[PREFIX_TEXT_MAX];
    char remark[320];
    CommandResult result = {.error = error,
            .changed = error == CONTROL_OK && edit->kind != EDIT_NOTHING,
            .message = message,
            .address = prefix_format(&edit->prefix, address)};

    if (error == CONTROL_OK && !edit->of_feed && edit->after && edit->after->from_feed) {
        snprintf(remark, sizeof(remark), "the feed %s has it too: it stays on the %s",
                edit->after->origin, list_name(edit->list));
        result.message = remark;
    }
    if (edit->done)
        edit->done(&result, edit->userdata);
}

static void observe(Control *control, const Edit *edit)
{
    static const int types[] = {
            [EDIT_ADD] = LIST_EVENT_ADDED,
            [EDIT_REMOVE] = LIST_EVENT_REMOVED,
            [EDIT_EXPIRE] = LIST_EVENT_EXPIRED,
            [EDIT_CHANGE] = LIST_EVENT_CHANGED,
    };
    bool added = edit->after && edit->kind != EDIT_EXPIRE;
    ListEvent event = {.list = edit->list,
            .entry = added ? edit->after : edit->before,
            .replaced = edit->kind == EDIT_CHANGE ? edit->before : NULL,
            .count_before = edit->count_before,
            .count_after = edit->count_after,
            .caller = edit->caller};

    if (edit->kind == EDIT_NOTHING || edit->quiet || !control->observer.list_changed)
        return;
    event.type = types[edit->kind];
    control->observer.list_changed(&event, control->observer.userdata);
}

static void settle_durable(Control *control, Edit *edits)
{
    Edit *edit, *next;

    DL_FOREACH_SAFE(edits, edit, next)
    {
        DL_DELETE(edits, edit);
        observe(control, edit);
        answer(edit, CONTROL_OK, NULL);
        edit_free(edit);
    }
}

static void settle_failed(Control *control, Edit *edits, const char *message)
{
    Edit *edit, *next;

    DL_FOREACH_SAFE(edits, edit, next)
    {
        DL_DELETE(edits, edit);
        if (edit->kind == EDIT_EXPIRE || edit->of_feed) /* in force all the same */
            observe(control, edit);
        answer(edit, CONTROL_STORAGE, message);
        edit_free(edit);
    }
}

/* --- the outcome of a write */

static Edit *take_edits(Control *control, size_t n)
{
    Edit *taken = NULL;

    control->n_edits -= n;
    while (n-- > 0) {
        Edit *edit = control->edits;

        DL_DELETE(control->edits, edit);
        DL_APPEND(taken, edit);
        control->n_nothing -= edit->kind == EDIT_NOTHING;
    }
    return taken;
}

static void write_succeeded(Control *control)
{
    Edit *edits = take_edits(control, control->n_written);

    control->n_written = 0;
    edits_release_slots(control, edits, false);
    settle_durable(control, edits);
}

static size_t count_undone(const Edit *edits)
{
    const Edit *edit;
    size_t n = 0;

    DL_FOREACH(edits, edit)
    n += edit->kind != EDIT_NOTHING && edit->kind != EDIT_EXPIRE && !edit->of_feed;
    return n;
}

static void write_failed(Control *control, int error)
{
    Edit *edits = take_edits(control, control->n_edits);
    size_t undone = count_undone(edits);
    char message[512];
    int r;

    control->n_written = 0;
    control->storage_failures++;
    r = edits_undo(control, edits);
    if (r < 0) {
        log_error("Could not undo %zu changes that %s refused: %s; they are in force but not saved",
                undone, control->path, strerror(-r));
        control->unsaved = true; /* the next write takes them along */
        undone = 0;
    }
    edits_release_slots(control, edits, true);
    expiry_arm(control);
    snprintf(message, sizeof(message), "could not write the state file (%s): %s", strerror(-error),
            r < 0 ? "the change is in force, but not saved" : "nothing was changed");
    if (control->observer.storage_failed)
        control->observer.storage_failed(control->path, error, undone, control->observer.userdata);
    settle_failed(control, edits, message);
    feeds_sync(control->feeds); /* what was undone may have stood in a feed's place */
}

static int write_run(void *data)
{
    WriteJob *job = data;

    return store_save(job->path, job->snapshot, &job->now);
}

static void write_done(void *data, int result)
{
    _cleanup_(write_job_freep) WriteJob *job = data;
    Control *control = job->control;

    control->writing = false;
    control->unsaved |= result < 0 && job->unsaved;
    job->snapshot = list_snapshot_free(job->snapshot); /* or undoing would copy what it shows */
    if (result < 0)
        write_failed(control, result);
    else
        write_succeeded(control);
    if (control->edits)
        persist_kick(control);
}

/* --- the line */

static int start_write(Control *control)
{
    _cleanup_(write_job_freep) WriteJob *job = calloc(1, sizeof(*job));
    int r;

    if (!job)
        return -ENOMEM;
    job->control = control;
    job->now = control->clock();
    job->unsaved = control->unsaved;
    job->path = strdup(control->path);
    if (!job->path)
        return -ENOMEM;
    r = list_snapshot_new(control->lists, &job->snapshot);
    if (r >= 0)
        r = worker_submit(control->writer, write_run, write_done, job);
    if (r < 0)
        return r;
    control->saved_ns = TAKE_PTR(job)->now.boottime_ns;
    control->writing = true;
    control->writes++;
    control->unsaved = false;
    control->n_written = control->n_edits;
    return 0;
}

void persist_kick(Control *control)
{
    int r;

    if (control->writing || (!control->edits && !control->unsaved))
        return;
    r = start_write(control);
    if (r < 0)
        write_failed(control, r);
}

void persist_edits(Control *control, Edit *edits)
{
    const Edit *edit;
    size_t n;

    DL_COUNT(edits, edit, n);
    control->n_edits += n;
    DL_CONCAT(control->edits, edits);
    persist_kick(control);
}

void persist_feed_edits(Control *control, Edit *edits)
{
    if (control->edits) {
        persist_edits(control, edits);
        return;
    }
    edits_release_slots(control, edits, false);
    settle_durable(control, edits);
}

void persist_join(Control *control, Edit *edit)
{
    bool newest_is_in_the_write = control->writing && control->n_written == control->n_edits;

    DL_APPEND(control->edits, edit);
    control->n_edits++;
    control->n_nothing++;
    if (newest_is_in_the_write)
        control->n_written++;
}

void persist_finish(Control *control)
{
    uint64_t deadline = clock_monotonic_ns() + FINISH_TIMEOUT_USEC * NSEC_PER_USEC;

    while (control->writing) {
        uint64_t now = clock_monotonic_ns();

        if (now >= deadline || worker_flush(control->writer, (deadline - now) / NSEC_PER_USEC) < 0)
            break;
    }
    settle_failed(control, take_edits(control, control->n_edits),
            "the daemon stopped before the state file was written");
}

void control_forget(Control *control, void *userdata)
{
    Edit *edit;

    DL_FOREACH(control->edits, edit)
    if (edit->userdata == userdata)
        edit->done = NULL;
}
