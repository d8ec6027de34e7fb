/* SPDX-License-Identifier: MIT */
#pragma once

/* The set of protected addresses, and who fills it. */

#include "control/protect.h"

/* Far more than a machine has; a bound all the same, because peers choose how many there are. */
#define PROTECT_ADDRESSES_MAX 65536

/* Sorted by address once complete; an address appears once, with its first reason. */
typedef struct ProtectSet {
    ProtectedAddress *items; /* owned */
    size_t count;
    size_t allocated;
} ProtectSet;

int protect_set_add(ProtectSet *set, const Address *address, ProtectReason reason); /* -E2BIG */
void protect_set_done(ProtectSet *set);

/* protect-netlink.c, protect-ssh.c: ask the kernel. On failure `set` may hold a part. */
int protect_ask_addresses(ProtectSet *set);
int protect_ask_gateways(ProtectSet *set);
int protect_ask_ssh_peers(ProtectSet *set, const uint16_t *ports, size_t n_ports);
