/* SPDX-License-Identifier: MIT */
#pragma once

/* One dump from the kernel over a netlink socket of its own (netlink(7)): asked, read to the end,
 * closed. The kernel answers a dump at once, from memory; the receive timeout and the bound on the
 * whole only guard against one that doesn't. */

#include <libmnl/libmnl.h>

/* `request` is complete but for flags and sequence number. `callback` sees each message, and again
 * from the first one when the kernel says that the dump was not consistent. -ETIMEDOUT; -EOPNOTSUPP
 * where netlink can't be had; other -errno, also of the callback. */
int netlink_dump(int protocol, struct nlmsghdr *request, mnl_cb_t callback, void *userdata);

/* For the callbacks, which report by errno and MNL_CB_ERROR: from 0 or -errno. */
int netlink_answer(int r);
