/* SPDX-License-Identifier: MIT */
#pragma once

/* ntcctl, the administrator's client. What it asks comes over D-Bus as JSON (variant.c), and is
 * shown as a table (table.c) or, with --json, as it is. The live stream and the alerts come over
 * HTTP (fetch.c). Knows nothing of the daemon but its interfaces. */

#include "base/cleanup.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* Exit statuses. */
enum {
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_NOT_RUNNING = 3,
    CTL_DENIED = 4,
};

typedef struct Ctl {
    sd_bus *bus; /* NULL until bus_open() */
    pid_t agent; /* asks for passwords; 0: none */
    pid_t pager; /* reads what goes to stdout; 0: none */
    int status;  /* what to exit with after an error that was told */

    bool json;
    bool no_pager;
    bool no_legend;
    bool no_ask_password;
    bool force;
    bool once;      /* top: print and exit */
    bool whitelist; /* confirm: of that list */
    bool renew;     /* token: make another */
    const char *comment;
    const char *sort;
    const char *url; /* where HTTP is to be asked; NULL: the socket, then this machine */
    const char *since;
    const char *kind;
    const char *ip;
    uint64_t for_sec;
    uint64_t confirm_sec;
    uint64_t limit;

    char **arguments; /* of the verb */
    int n_arguments;
} Ctl;

/* Verbs return 0, or a negative number after they told what is wrong. */
int verb_status(Ctl *ctl);
int verb_top(Ctl *ctl);
int verb_flows(Ctl *ctl);
int verb_events(Ctl *ctl);
int verb_alerts(Ctl *ctl);
int verb_block(Ctl *ctl);
int verb_unblock(Ctl *ctl);
int verb_allow(Ctl *ctl);
int verb_disallow(Ctl *ctl);
int verb_confirm(Ctl *ctl);
int verb_lists(Ctl *ctl);
int verb_why(Ctl *ctl);
int verb_flush(Ctl *ctl);
int verb_reload(Ctl *ctl);
int verb_token(Ctl *ctl);

/* Says `ntcctl: ...` on stderr, sets the exit status; returns -EINVAL, for the caller to return. */
int ctl_fail(Ctl *ctl, int status, const char *format, ...) _printf_(3, 4);

/* --- client.c: calls of the daemon */

#define MANAGER   "org.ntc.Manager"
#define BLACKLIST "org.ntc.Blacklist"
#define WHITELIST "org.ntc.Whitelist"

/* A call with the arguments of sd_bus_message_append(3). The reply's arguments come as one JSON
 * array in *ret, if asked for. `asks`: a password may be asked for. Errors were told. */
int ctl_call(Ctl *ctl, bool asks, const char *interface, const char *member, json_object **ret,
        const char *types, ...);
/* As above, with a message of ctl_message(). */
int ctl_message(Ctl *ctl, const char *interface, const char *member, sd_bus_message **ret);
int ctl_send(Ctl *ctl, bool asks, sd_bus_message *message, json_object **ret);
/* A call without arguments that tells no errors: for what can be done without. -errno. */
int ctl_try(Ctl *ctl, const char *interface, const char *member, json_object **ret);
/* All properties of an interface, as an object. */
int ctl_properties(Ctl *ctl, const char *interface, json_object **ret);
void ctl_close(Ctl *ctl);

/* The next complete value of a message. -ENOMEM, -EBADMSG. */
int json_from_message(sd_bus_message *message, json_object **ret);

/* --- output */

typedef enum ColumnKind {
    COLUMN_TEXT,
    COLUMN_RIGHT,
    COLUMN_NUMBER, /* with thousands apart */
    COLUMN_BYTES,  /* 1.2M */
    COLUMN_RATE,   /* one decimal */
    COLUMN_TIME,   /* RFC 3339, shown in local time */
    COLUMN_ACTION, /* with its colour */
    _COLUMN_KIND_MAX,
} ColumnKind;

typedef struct Column {
    const char *title;
    const char *key; /* of a row's object */
    ColumnKind kind;
    unsigned spare; /* where a terminal is too narrow, the highest goes first; 0: stays */
} Column;

#define COLUMNS_MAX 16

/* Rows are objects. `columns` ends with a NULL title, at most COLUMNS_MAX before it. `max` 0: all.
 * To stdout. On a terminal columns without a value are left out, and those it has no room for; the
 * last one is wrapped. */
int table_print(const Ctl *ctl, json_object *rows, const Column *columns, size_t max);
/* One document and a line end. What might steer the terminal is escaped. */
void json_print(json_object *object);
void json_print_text(const char *text); /* which json_parse_strict() takes */
/* What a column of the kind would show. */
const char *format_value(ColumnKind kind, json_object *value, char *buffer, size_t size);

bool on_terminal(void);                           /* stdout is one that can do more than print */
bool in_colour(void);                             /* it is, and nobody forbids colours */
size_t terminal_width(void);                      /* in columns; also while the pager has stdout */
const char *colour_of_action(const char *action); /* "" without colours */
#define COLOUR_BOLD (in_colour() ? "\033[1m" : "")
#define COLOUR_DIM  (in_colour() ? "\033[2m" : "")
#define COLOUR_RED  (in_colour() ? "\033[31m" : "")
#define COLOUR_NONE (in_colour() ? "\033[0m" : "")

/* From now on stdout goes to $PAGER, if it is a terminal. */
void pager_open(Ctl *ctl);
void pager_close(Ctl *ctl);
/* The agent that asks for passwords on this terminal. */
void agent_open(Ctl *ctl);
void agent_close(Ctl *ctl);

/* --- fetch.c: HTTP */

/* Called for each line, without its end. Non-zero ends the transfer. */
typedef int (*FetchLine)(const char *line, void *userdata);

/* GET `path`, line by line, until the end or a signal. Errors were told. */
int fetch_lines(Ctl *ctl, const char *path, FetchLine on_line, void *userdata);
