/* SPDX-License-Identifier: MIT */
#pragma once

/* The single path for every change of the lists, whoever asks (HTTP, D-Bus, a feed, an expiry),
 * always in one order:
 *
 *     parse -> validate -> no-op? -> authorise -> apply to the kernel -> persist
 *           -> journal, signal -> reply
 *
 * Owns both lists, their slots, the state file's writer and the protected addresses. Memory, kernel
 * and file agree whenever nothing is being written. Edits that arrive while a write runs are
 * applied to the kernel at once and written together by the next one; each reply waits until its
 * edit is durable. If the disk refuses, every edit that isn't durable yet is undone, in kernel and
 * memory, newest first, and answered with CONTROL_STORAGE. */

#include "config/config.h"
#include "control/feed-set.h"
#include "control/list.h"
#include "control/protect.h"
#include "control/store.h"
#include "datapath/datapath.h"

typedef struct Control Control;

typedef enum ControlError {
    CONTROL_OK,
    CONTROL_INVALID_ADDRESS,
    CONTROL_INVALID_OPTION,
    CONTROL_LIMIT_REACHED, /* the list is full */
    CONTROL_PROTECTED,
    CONTROL_FROM_FEED,  /* a feed has it: only the feed can take it off */
    CONTROL_NOT_LISTED, /* nothing to confirm */
    CONTROL_DENIED,     /* the caller may not */
    CONTROL_STORAGE,    /* the disk refused; nothing changed */
    CONTROL_KERNEL,     /* the datapath refused; nothing changed */
    CONTROL_BUSY,       /* too many edits wait */
    _CONTROL_ERROR_MAX,
} ControlError;
const char *control_error_code(ControlError error); /* "invalid-address", ... for HTTP's "error" */

/* Over what a change came; `NTC_TRANSPORT` in the journal. */
typedef enum Transport {
    TRANSPORT_HTTP,
    TRANSPORT_UNIX,
    TRANSPORT_DBUS,
    TRANSPORT_FEED,
    TRANSPORT_INTERNAL, /* expiry, alerts */
    _TRANSPORT_MAX,
} Transport;
const char *transport_name(Transport transport); /* http, unix, dbus, feed, internal */

#define UID_NONE ((uint32_t)-1)

typedef struct Caller {
    Transport transport;
    uint32_t uid;                /* UID_NONE when not known */
    char peer[ADDRESS_TEXT_MAX]; /* "" when not over IP */
} Caller;

/* What is wished for. Confirming makes an entry stay that was added with confirm_sec; its time
 * limit then begins anew. */
typedef enum CommandVerb {
    COMMAND_ADD,
    COMMAND_REMOVE,
    COMMAND_CONFIRM,
    _COMMAND_VERB_MAX,
} CommandVerb;

/* Adding what is there already is a no-op if it asks for nothing else: a time limit that ends
 * within the same second, the same comment or none. Anything else replaces the entry, which keeps
 * its hits. A wish of another origin for what somebody else put there is a no-op; a manual one
 * takes the entry over, also from a feed, which has it back when the manual one goes.
 *
 * One wish, in the words of whoever asked; control parses it. Texts are borrowed during the call.
 */
#define ORIGIN_MANUAL "manual"
#define ORIGIN_ALERT  "alert"

typedef struct Command {
    ListId list;
    CommandVerb verb;
    const char *address;  /* as the user wrote it */
    uint64_t ttl_sec;     /* 0 = for ever */
    uint64_t confirm_sec; /* gone again unless confirmed within this time; 0 = stays */
    const char *comment;  /* NULL = none, or the one that is there */
    const char *origin;   /* NULL = "manual" */
    bool force;           /* also a protected address */
    Caller caller;
} Command;

/* What became of it. Texts are valid during the callback. */
typedef struct CommandResult {
    ControlError error;
    bool changed;
    const char *message; /* one sentence for the user; NULL when there is nothing to say */
    const char *address; /* the canonical form; NULL if it could not be parsed */
} CommandResult;

/* Asked once the command is known to be valid and to change something. 1 = allowed, -EACCES =
 * denied, 0 = not decided yet: the command is dropped without a reply and the transport will submit
 * it again. NULL = allowed. */
typedef int (*AuthoriseFn)(const Command *command, const Prefix *prefix, void *userdata);
/* Called exactly once per command, from within control_submit() or later from the loop. */
typedef void (*CommandDoneFn)(const CommandResult *result, void *userdata);

/* 0: `done` was or will be called. -EINPROGRESS: authorise said 0. */
int control_submit(Control *control, const Command *command, AuthoriseFn authorise,
        CommandDoneFn done, void *userdata);

/* The client of these commands is gone: they go on, but `done` is not called for them any more. */
void control_forget(Control *control, void *userdata);

/* A change that is durable and in force, told to journal and bus. `entry` is the new one (or, on
 * removal, the old one); `replaced` the one before, when an addition changed an existing entry's
 * options. */
typedef struct ListEvent {
    enum { LIST_EVENT_ADDED, LIST_EVENT_REMOVED, LIST_EVENT_EXPIRED, LIST_EVENT_CHANGED } type;
    ListId list;
    const ListEntry *entry;
    const ListEntry *replaced;
    size_t count_before;
    size_t count_after;
    Caller caller;
} ListEvent;

/* What the feeds came to. Borrowed during the callback. */
typedef struct FeedsReport {
    const FeedSet *set;
    size_t added;
    size_t removed;
    size_t no_room; /* entries that did not fit: lists.capacity */
    bool problems_changed;
} FeedsReport;

typedef struct ControlObserver {
    void (*list_changed)(const ListEvent *event, void *userdata);
    /* The feeds' entries were brought in line with their files, or their problems are others. NULL
     * is fine. */
    void (*feeds_changed)(const FeedsReport *report, void *userdata);
    void (*storage_failed)(const char *path, int error, size_t undone, void *userdata);
    void *userdata;
} ControlObserver;

/* Loads the state file, fills the datapath. On failure `error` tells the user why and what to do.
 * `datapath`, `event` are borrowed. The state file's writer is a worker of its own. */
int control_new(sd_event *event, const Config *config, Datapath *datapath,
        const ControlObserver *observer, Control **ret, StoreReport *ret_report,
        ConfigError *error);
/* Waits (bounded) for the last write. Commands still open are answered. */
Control *control_free(Control *control);
DEFINE_CLEANUP(Control *, control_free);

/* SSH ports and the like after a reload. Capacity and path need a restart: -EOPNOTSUPP leaves all
 * as it was and names the key in `error`. */
int control_reload(Control *control, const Config *config, ConfigError *error);
/* Addresses or routes of the machine changed: look again. Entries that now cover a protected
 * address stay, but are reported. */
void control_refresh_protected(Control *control);

/* --- views */

const List *control_list(const Control *control, ListId list);
Count control_hits(const Control *control, const ListEntry *entry); /* since the entry exists */
Count control_list_hits(const Control *control, ListId list); /* of all entries ever; only grows */
const Protected *control_protected(const Control *control);
const FeedSet *control_feeds(const Control *control); /* what was read last */
uint64_t control_edits_pending(const Control *control);
uint64_t control_storage_failures(const Control *control);
