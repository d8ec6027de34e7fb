/* SPDX-License-Identifier: MIT */
#pragma once

/* Listening TCP sockets as the configuration wants them. */

#include "config/config.h"

/* Fills `fds` with listening sockets (owned by the caller) and *ret_n; 0 or -errno with the reason
 * for the user in *error. With port 0 the kernel chooses one port, the same for all of them. */
int sockets_listen(const Config *config, int *fds, size_t max, size_t *ret_n, ConfigError *error);
/* The local TCP port of `fd`; 0 for other kinds of sockets. */
uint16_t socket_port(int fd);
