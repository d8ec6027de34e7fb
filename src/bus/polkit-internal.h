/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by polkit.c, which keeps the checks, and polkit-ask.c, which asks bus and polkit. */

#include "bus/polkit.h"

#include <stdbool.h>
#include <utlist.h>

#define UID_UNKNOWN ((uint32_t)-1)

typedef enum Stage {
    STAGE_LOOKUP,
    STAGE_POLKIT,
    STAGE_DECIDED,
    _STAGE_MAX,
} Stage;

typedef struct Check {
    struct Check *prev, *next; /* utlist */
    Polkit *polkit;
    sd_bus_message *call; /* a reference */
    Intent intent;
    Stage stage;
    uint32_t uid;
    uint64_t id; /* for polkit, to cancel by */
    bool allowed;
    const char *reason;     /* why not; static */
    sd_bus_slot *question;  /* that is out */
    sd_bus_slot *vanishing; /* watches the sender */
} Check;

struct Polkit {
    sd_bus *bus;
    uint64_t timeout_usec;
    Check *checks[_STAGE_MAX]; /* the decided ones apart: only they can be dispatched again */
    size_t count[_STAGE_MAX];
    uint64_t last_id;
};

/* Moves a check on to another stage. */
void check_enter(Check *check, Stage stage);
/* The verdict: the call is dispatched again, and finds it. The check may be gone afterwards.
 * Returns 0, for handlers to return. */
int check_decide(Check *check, bool allowed, const char *reason);
/* The first question. What follows from its answer ends in check_decide(). */
int check_ask(Check *check);
