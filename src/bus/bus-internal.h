/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of the bus share. bus.c holds the connection and the name, guard.c decides with
 * access.c and polkit.c, the others are one interface each. */

#include "bus/access.h"
#include "bus/bus.h"
#include "bus/polkit.h"

#include <systemd/sd-bus.h>

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

#define ROWS_MAX  1000 /* of GetFlows, GetTalkers */
#define ROW_BYTES 640  /* of one of them, rounded up */

struct ListCall;

typedef struct ListObject {
    BusServer *server;
    ListId list;
} ListObject;

struct BusServer {
    sd_event *event;
    BusContext context;
    sd_bus *bus; /* NULL: not even an attempt */
    Polkit *polkit;
    ListObject lists[_LIST_MAX];
    struct ListCall *calls; /* that wait for control; of this connection */
    sd_event_source *retry;
    sd_event_source *late; /* says once that there is no bus */
    sd_event_source *told; /* PropertiesChanged, once for many changes */
    bool count_changed[_LIST_MAX];
    char *interfaces; /* as told last, one a line */
    bool has_name;
    bool name_refused; /* said already */
    unsigned attempts; /* since the name was ours */
    uint64_t denials_since_usec;
    unsigned denials_told;
    uint64_t signals_lost;
    size_t long_unsent_bytes; /* an estimate */
};

/* --- signals.c */

/* May a signal be sent? If not since the bus doesn't take them up, it is counted as lost. */
bool bus_may_signal(BusServer *server);
/* Before a long answer of some `bytes`: 0, or an error for the caller. */
int bus_reserve(BusServer *server, size_t bytes, sd_bus_error *error);
/* sd_event_time_handler_t, for `told`. */
int on_counts_due(sd_event_source *source, uint64_t usec, void *userdata);

/* --- guard.c */

/* May the caller? 1; 0: put aside, return 1 from the handler; -EACCES: `error` is set and the
 * refusal was told. `list` and `address` may be NULL. */
int guard_call(BusServer *server, sd_bus_message *call, const char *list, const Prefix *prefix,
        sd_bus_error *error);
/* Before every handler: holds what would set a property to the table. sd_bus_message_handler_t. */
int guard_filter(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* --- the interfaces */

extern const sd_bus_vtable list_vtable[];        /* userdata: ListObject */
extern const sd_bus_vtable manager_vtable[];     /* userdata: BusServer */
extern const sd_bus_vtable log_control_vtable[]; /* no userdata */

const char *list_interface(ListId list);
/* The connection is gone: nobody is to be answered any more. */
void list_calls_forget(BusServer *server);
/* The description of an entry, a{sv}, as in List() and in Added. */
int append_entry_options(sd_bus_message *m, const Control *control, const ListEntry *entry);

/* status.c: org.ntc.Manager.GetStatus and .Explain. sd_bus_message_handler_t, userdata: BusServer.
 */
int method_get_status(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Rows of a{sv}; `limit` 0: as many as there may be. */
int append_flows(sd_bus_message *m, const BusContext *context, uint32_t limit);
int append_talkers(sd_bus_message *m, const BusContext *context, uint32_t limit);
