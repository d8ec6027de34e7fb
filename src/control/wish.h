/* SPDX-License-Identifier: MIT */
#pragma once

/* A command on its way through control_submit(), and the checks it must pass. Each check lets it
 * pass (0) or leaves the answer in it and returns a negative number. Nothing here changes anything.
 */

#include "control/control-internal.h"

typedef struct Wish {
    const Command *command;
    Prefix prefix;
    char address[PREFIX_TEXT_MAX]; /* "" until it was parsed */
    ListEntry *current;            /* on the list now; borrowed; NULL */
    ListEntry *entry;              /* to be put there; a reference; NULL */
    ControlError error;
    char message[512];
} Wish;

/* Leaves an answer; returns -EINVAL, for the caller to return. */
int wish_refuse(Wish *wish, ControlError error, const char *format, ...) _printf_(3, 4);

int wish_parse(Wish *wish);
int wish_validate(Control *control, Wish *wish);
/* True if the lists are already as the command wants them. */
bool wish_is_noop(const Wish *wish, uint64_t now_boottime_ns);
const char *command_origin(const Command *command); /* never NULL */
