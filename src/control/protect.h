/* SPDX-License-Identifier: MIT */
#pragma once

/* What must not be blacklisted unless forced: this machine's own addresses, its default gateways,
 * loopback, multicast, unspecified and link-local broadcast, the peers of established sockets on
 * the SSH ports, and every prefix that contains one of these. A snapshot, refreshed over rtnetlink
 * and sock_diag. */

#include "base/address.h"
#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum ProtectReason {
    PROTECT_NONE,
    PROTECT_OWN_ADDRESS,
    PROTECT_GATEWAY,
    PROTECT_LOOPBACK,
    PROTECT_MULTICAST,
    PROTECT_SSH_PEER,
    PROTECT_UNSPECIFIED,
    PROTECT_BROADCAST,
    _PROTECT_REASON_MAX,
} ProtectReason;

typedef struct Protected Protected;

/* Until it is refreshed it knows only what is the same on every machine. */
int protected_new(Protected **ret);
Protected *protected_free(Protected *protected);
DEFINE_CLEANUP(Protected *, protected_free);

/* Asks the kernel (bounded, non-blocking sockets of its own network namespace). On failure the
 * previous snapshot stays and -errno is returned. Where netlink can't be had (a container):
 * -EOPNOTSUPP. */
int protected_refresh(Protected *protected, const uint16_t *ssh_ports, size_t n_ssh_ports);

/* For tests and for the mock. -ENOMEM. */
int protected_add(Protected *protected, const Address *address, ProtectReason reason);

/* What the last refresh found, for whoever wants to hold entries against it. `fresh`: the snapshot
 * before did not have it. */
typedef struct ProtectedAddress {
    Address address;
    ProtectReason reason;
    bool fresh;
} ProtectedAddress;
const ProtectedAddress *protected_addresses(const Protected *protected, size_t *ret_count);

/* The first reason why `prefix` must not be blacklisted, and the address it would hit. */
ProtectReason protected_check(const Protected *protected, const Prefix *prefix, Address *ret_hit);
/* The same for what a feed says, without peers of SSH sessions: a stranger is one as soon as he
 * connects, and must not take his own network off the list by that. SSH itself gets through
 * whatever the lists say. */
ProtectReason protected_check_feed(
        const Protected *protected, const Prefix *prefix, Address *ret_hit);
/* "contains 192.168.0.1, the default gateway" in words: the noun only, "the default gateway". */
const char *protect_reason_name(ProtectReason reason);
