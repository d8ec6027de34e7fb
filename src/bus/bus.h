/* SPDX-License-Identifier: MIT */
#pragma once

/* D-Bus: org.ntc on the system bus, and org.freedesktop.LogControl1.
 *
 * In: method calls. Out: answers made from const views of lists, flows and statistics; wishes
 * handed to control; signals and PropertiesChanged for every change, whoever made it. Who may what
 * is one table (access.c), the decision is polkit's (polkit.c). dbus/org.ntc.*.xml say what there
 * is, and tests hold the running daemon against them.
 *
 * No call waits: everything that asks the bus or polkit is asynchronous. Without a bus, or while it
 * is away, nothing here does anything; the name comes back with the bus. */

#include "control/control.h"
#include "detect/alert.h"
#include "flow/flow-table.h"
#include "stats/stats.h"

#include <systemd/sd-event.h>

#define BUS_NAME "org.ntc"
#define BUS_PATH "/org/ntc"

typedef struct BusServer BusServer;

/* What the interfaces may look at and ask for. All borrowed, outliving the server. */
typedef struct BusContext {
    Control *control;
    const FlowTable *flows;
    const Stats *stats;
    const char *mode; /* "bpf", "mock" */
    uint64_t started_monotonic_ns;
    /* Returns how many, or -errno. */
    int (*flush_flows)(const Caller *caller, void *userdata);
    int (*reload)(ConfigError *error, void *userdata); /* on failure `error` tells why */
    void (*access_denied)(const Caller *caller, const char *what, void *userdata);
    uint64_t (*journal_lost)(void *userdata);
    uint16_t (*http_port)(void *userdata); /* 0: none */
    void *userdata;
} BusContext;

/* Connects to $DBUS_SYSTEM_BUS_ADDRESS, or to the system bus, as soon as there is one. Only a lack
 * of memory or descriptors is an error. */
int bus_server_new(sd_event *event, const BusContext *context, BusServer **ret);
BusServer *bus_server_free(BusServer *server);
DEFINE_CLEANUP(BusServer *, bus_server_free);

/* A change of a list is durable: Added, Removed or Expired, and Count. */
void bus_server_list_changed(BusServer *server, const ListEvent *event);
/* So many entries came or went that there was no signal for each: tells Count. */
void bus_server_counts_changed(BusServer *server);
/* The watched interfaces may be others now: tells if they are. */
void bus_server_attachments_changed(BusServer *server);

void bus_server_alert(BusServer *server, const Alert *alert);

/* True while the bus says that org.ntc is ours. */
bool bus_server_has_name(const BusServer *server);
/* Signals not sent since the bus did not take them up; those while there was no bus aside. */
uint64_t bus_server_signals_lost(const BusServer *server);
