/* SPDX-License-Identifier: MIT */
#pragma once

/* What an alert is, in the words that journal, HTTP and D-Bus use for it (a contract), and how one
 * asks for alerts. */

#include "base/address.h"
#include "flow/attachment.h"

typedef enum AlertKind {
    ALERT_PORT_SCAN,  /* one source, many ports of one host */
    ALERT_HOST_SWEEP, /* one source, one port of many hosts */
    ALERT_SYN_FLOOD,  /* one port of one host, SYNs that come to nothing */
    ALERT_VOLUME,     /* one source, packets that nobody answers */
    _ALERT_KIND_MAX,
} AlertKind;

#define ALERT_TARGET_MAX  64
#define ALERT_MESSAGE_MAX 320

typedef struct Alert {
    uint64_t number; /* in this process' log, from 1; 0 = of another process */
    uint64_t wall_ns;
    AlertKind kind;
    Address address; /* who; of a SYN flood, whose sources are forged, the target */
    uint32_t ifindex;
    uint32_t ports; /* distinct ones tried */
    uint32_t hosts; /* distinct ones tried; of a SYN flood, distinct sources */
    uint64_t packets;
    uint64_t blocked_until_wall_ns;     /* 0 = not blocked */
    char interface[INTERFACE_NAME_MAX]; /* "" = not known */
    char target[ALERT_TARGET_MAX];      /* "192.0.2.1", "TCP port 22"; "" = no single one */
    char message[ALERT_MESSAGE_MAX];    /* one sentence */
} Alert;

const char *alert_kind_name(AlertKind kind); /* port-scan, host-sweep, syn-flood, volume */
int alert_kind_from_name(const char *name, AlertKind *ret); /* -EINVAL */
/* Only of these is the address the one to blame, and not the victim. */
bool alert_names_source(AlertKind kind);

#define ALERTS_LIMIT_MAX 1000U

/* Which alerts: newest first, `limit` at most. */
typedef struct AlertQuery {
    uint64_t since_wall_ns; /* inclusive */
    uint64_t until_wall_ns; /* inclusive */
    bool has_kind, has_ip;
    AlertKind kind;
    Prefix ip; /* holds the alert's address */
    uint32_t limit;
} AlertQuery;

bool alert_matches(const Alert *alert, const AlertQuery *query);

/* Where an answer comes from. */
typedef enum AlertSource {
    ALERTS_JOURNAL,
    ALERTS_VOLATILE_JOURNAL, /* one that a reboot empties */
    ALERTS_MEMORY,           /* there is no journal to be read: what this process remembers */
    _ALERT_SOURCE_MAX,
} AlertSource;
const char *alert_source_name(AlertSource source); /* journal, volatile-journal, memory */

typedef struct AlertPage {
    AlertSource source;
    bool truncated; /* there are more, or there was no time to look at all */
    const Alert *alerts;
    size_t count;
} AlertPage;

/* The answer to a query. result < 0: there is none, `page` is NULL. Valid during the call. */
typedef void (*AlertsFoundFn)(int result, const AlertPage *page, void *userdata);
