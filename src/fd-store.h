/* SPDX-License-Identifier: MIT */
#pragma once

/* What the service manager passes to us and keeps for us (sd_listen_fds(3), FDSTORE=1 in
 * sd_notify(3)): listening sockets, and the datapath's maps and links. Both come in one row, in any
 * order; names tell them apart. Without a service manager all of this does nothing. */

#include "datapath/datapath.h"

#define PASSED_SOCKETS_MAX 16

typedef struct PassedFds {
    int sockets[PASSED_SOCKETS_MAX]; /* listening; for http_server_new(), which takes them */
    size_t n_sockets;
    HandoverFd kept[HANDOVER_MAX]; /* from the store, owned; -EBADF once taken */
    size_t n_kept;
} PassedFds;

/* Sorts what was passed. What is neither is closed, and removed from the store. */
void passed_fds_collect(PassedFds *ret);
/* Those from the store that nobody took. */
void passed_fds_close(PassedFds *passed);

typedef struct FdStore FdStore;

/* To be called after the datapath took what it could use of `passed`. Those are still in the
 * manager's store; what was not taken (a map of another shape, whose successor comes under the same
 * name) is removed. */
int fd_store_new(const PassedFds *passed, FdStore **ret);
FdStore *fd_store_free(FdStore *store); /* the manager keeps what it has */
DEFINE_CLEANUP(FdStore *, fd_store_free);

/* Makes the store hold exactly what the datapath hands over now. */
void fd_store_sync(FdStore *store, Datapath *datapath);
