/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of control share. command.c decides, edit.c carries a change into memory and
 * kernel (and back), persist.c makes it durable, expire.c asks for removals when time is up. */

#include "base/worker.h"
#include "control/control.h"
#include "control/feeds.h"
#include "control/slots.h"

#include <systemd/sd-event.h>

#define EDITS_MAX   65536 /* applied and not yet durable */
#define NOTHING_MAX 1024  /* of them such as change nothing, for which nobody needs a right */

typedef enum EditKind {
    EDIT_ADD,
    EDIT_REMOVE,
    EDIT_EXPIRE,
    EDIT_CHANGE,
    EDIT_NOTHING, /* changes nothing, but its answer rests on edits that aren't durable yet */
} EditKind;

/* One change of one prefix, from `before` to `after` (NULL = not on the list). */
typedef struct Edit {
    struct Edit *prev, *next; /* utlist */
    EditKind kind;
    ListId list;
    Prefix prefix;
    ListEntry *before; /* a reference, or NULL */
    ListEntry *after;  /* a reference, or NULL */
    size_t count_before;
    size_t count_after;
    Caller caller;
    bool of_feed;       /* not for the state file, so a disk that refuses doesn't undo it */
    bool quiet;         /* one of so many that nobody is told of each */
    CommandDoneFn done; /* NULL: nobody waits */
    void *userdata;
} Edit;

struct Control {
    sd_event *event;    /* borrowed */
    Datapath *datapath; /* borrowed */
    ControlObserver observer;
    StoreClock (*clock)(void); /* tests put their own in */
    List *lists[_LIST_MAX];
    SlotPool slots;

    Feeds *feeds;
    Protected *protected;
    size_t n_protected;          /* from feeds */
    uint64_t protected_asked_ns; /* boottime; 0 = never */
    uint16_t ssh_ports[CONFIG_SSH_PORTS_MAX];
    size_t n_ssh_ports;

    char *path;
    Worker *writer;
    bool writing;
    bool running;      /* the loop got to it: what it would write is its own to write */
    bool unsaved;      /* the file should be written though no edit waits for it */
    Edit *edits;       /* applied, not durable; oldest first */
    size_t n_edits;    /* all of them */
    size_t n_nothing;  /* so many of them change nothing */
    size_t n_written;  /* so many from the head are in the write that is under way */
    uint64_t writes;   /* begun so far */
    uint64_t saved_ns; /* boottime of the last one, or of the start */
    uint64_t storage_failures;

    sd_event_source *first_save;
    sd_event_source *expiry_timer;
    sd_event_source *remaining_timer;
};

/* --- edit.c */

Edit *edit_new(EditKind kind, ListId list, const Prefix *prefix, ListEntry *before,
        ListEntry *after); /* takes references of its own; NULL: out of memory */
Edit *edit_free(Edit *edit);
DEFINE_CLEANUP(Edit *, edit_free);

void edits_free(Edit **edits); /* a whole chain, for _cleanup_ */

/* Carries all of a chain into memory and kernel, in order, or none. -errno of the datapath. */
int edits_apply(Control *control, Edit *edits);
/* The way back, newest first, in one step of the kernel. Expiries stay: the file itself says that
 * their time is up. So do edits of feeds, which are not in the file. On failure memory still equals
 * the kernel, with the edits in force. */
int edits_undo(Control *control, Edit *edits);
/* Gives back the slots that no entry holds any more, once nothing can bring the entry back. */
void edits_release_slots(Control *control, const Edit *edits, bool undone);

/* --- persist.c */

/* Takes applied edits (a chain), and writes as soon as the writer is free. */
void persist_edits(Control *control, Edit *edits);
/* Takes one that changes nothing: it is answered together with the newest edit that waits. */
void persist_join(Control *control, Edit *edit);
/* Takes applied edits of feeds: told at once, or, so that the order holds, after the edits that
 * wait. */
void persist_feed_edits(Control *control, Edit *edits);
/* Starts a write if there is something to write and none is under way. */
void persist_kick(Control *control);
/* Waits, bounded, until all is durable; what isn't by then is answered with CONTROL_STORAGE. */
void persist_finish(Control *control);

/* --- expire.c */

int expiry_start(Control *control);
/* Sets the timer to the entry that expires next. After every change of a list. */
void expiry_arm(Control *control);
/* Removes what expired until `now`, up to a bound; returns how many. -errno of the datapath. */
int expiry_run(Control *control, uint64_t now_boottime_ns);

/* --- remaining.c */

/* Has any entry a time limit? */
bool remaining_any(const Control *control);
int remaining_start(Control *control);
/* Write the file again if the remaining times in it are old. */
void remaining_save_in_time(Control *control);
void remaining_save_at_stop(Control *control);

/* --- control.c */

/* Asks the kernel anew unless it was asked a moment ago. */
void control_update_protected(Control *control);

/* reconcile.c: what is to stay of what the datapath holds, and what feeds say, into the loaded
 * lists; then the lists into the datapath. 0; -ENOMEM; -errno of the datapath. */
int control_reconcile(Control *control, StoreReport *report);
