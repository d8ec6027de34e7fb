/* SPDX-License-Identifier: MIT */
#pragma once

/* May the sender of this call do that? First the bus is asked for the sender's uid: root may.
 * Anyone else is polkit's to decide, with the sender's bus name as the subject, so that nobody can
 * slip another process under a pid. Nothing waits: while an answer is out the call is put aside,
 * and dispatched once more when the answer is there.
 *
 * Every failure is a no: polkit absent, hung or confused, a caller that vanished meanwhile, too
 * many who wait. Owns the calls it has put aside, for a bounded time. One object a bus connection.
 */

#include "base/address.h"
#include "base/cleanup.h"

#include <stdint.h>
#include <systemd/sd-bus.h>

#define POLKIT_PENDING_MAX            16
#define POLKIT_PENDING_PER_SENDER_MAX 2
#define POLKIT_PENDING_PER_UID_MAX    8     /* one user's many connections leave room for others */
#define POLKIT_LOOKUPS_MAX            16384 /* calls that wait for the bus' word about the uid */
#define POLKIT_TIMEOUT_USEC           (120ULL * 1000 * 1000) /* to type a password */

/* What the caller is about to do. `list` and `address` are for polkit's rules and dialogs. */
typedef struct Intent {
    const char *action; /* static, like all texts but the address; "org.ntc.manage" */
    const char *member; /* "Add" */
    const char *list;   /* "blacklist"; NULL: none */
    char address[PREFIX_TEXT_MAX];
} Intent;

typedef struct Polkit Polkit;

/* Borrows `bus`. Polkit gets `timeout_usec` for an answer: POLKIT_TIMEOUT_USEC. */
int polkit_new(sd_bus *bus, uint64_t timeout_usec, Polkit **ret);
Polkit *polkit_free(Polkit *polkit); /* what is put aside gets no reply */
DEFINE_CLEANUP(Polkit *, polkit_free);

/* 0: put aside; return 1 from the handler, without a reply. 1: yes. -EACCES: no, and *ret_reason,
 * if asked for, is a static text. A yes holds for the same call and the same intent only. */
int polkit_authorise(
        Polkit *polkit, sd_bus_message *call, const Intent *intent, const char **ret_reason);
/* The sender's uid, if this call was put aside and the bus has told it; else (uint32_t)-1. */
uint32_t polkit_uid(const Polkit *polkit, sd_bus_message *call);
/* After each dispatch of a call: a verdict that was there has been used, and is forgotten. */
void polkit_settle(Polkit *polkit, sd_bus_message *call);

size_t polkit_pending(const Polkit *polkit); /* put aside, of all kinds */
