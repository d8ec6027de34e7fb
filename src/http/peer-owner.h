/* SPDX-License-Identifier: MIT */
#pragma once

/* Who owns the other end of a TCP connection that stays within this machine, asked of the kernel by
 * sock_diag(7). One netlink socket, opened when first needed and kept; no call waits. */

#include "base/cleanup.h"

#include <stdint.h>

typedef struct PeerOwner {
    int netlink; /* -EBADF: not open */
    uint32_t sequence;
} PeerOwner;

void peer_owner_init(PeerOwner *owner); /* also makes the kernel load its module now */
void peer_owner_done(PeerOwner *owner);

/* The uid that owns the socket at the other end of `fd`, a connected TCP socket. -ENOTCONN: no
 * process holds that end any more, or never did, so nobody can be told. -EOPNOTSUPP: this kernel
 * can't tell (CONFIG_INET_DIAG). Other -errno. */
int peer_owner_ask(PeerOwner *owner, int fd, uint32_t *ret_uid);
