/* SPDX-License-Identifier: MIT */
#pragma once

/* The interfaces of this network namespace as rtnetlink(7) tells them, and which of them the
 * configuration's words mean: a name, a shell glob (fnmatch(3)), or "auto", the interfaces of the
 * default routes. */

#include "config/config.h"

typedef struct Interface {
    uint32_t ifindex;
    uint32_t master; /* of a bridge's, bond's or VRF's port; 0 = none */
    uint32_t lower;  /* what it sits on (VLAN, macvlan, tunnel; a veth's peer); 0 = none here */
    uint16_t type;   /* ARPHRD_*: what its frames look like */
    char name[16];   /* IFNAMSIZ */
    bool default_route;
} Interface;

typedef struct Interfaces {
    Interface *items;
    size_t count;
    size_t allocated;
    bool any_default_route;
} Interfaces;

/* Owns what `ret` holds afterwards. On failure (-errno, -EOPNOTSUPP without netlink) `ret` is
 * untouched: half an answer would look like interfaces that are gone. */
int interfaces_read(Interfaces *ret);
void interfaces_done(Interfaces *interfaces);

const Interface *interfaces_find(const Interfaces *interfaces, uint32_t ifindex);
/* -ENOMEM. Interfaces come in the order in which they are added. */
int interfaces_add(Interfaces *interfaces, const Interface *interface);

bool interface_is_wanted(const Interface *interface, const StringList *patterns);
