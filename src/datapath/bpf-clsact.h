/* SPDX-License-Identifier: MIT */
#pragma once

/* tc filters on the clsact qdisc, for kernels without TCX (before 6.6). Filters outlive their
 * process, so ours are told from others' by kind, handle and program name (never by priority
 * alone), replaced in place, and removed one by one. The qdisc, once there, is left: others may
 * have come to use it. */

#include "flow/packet.h"

#define CLSACT_HANDLE 0x6e74 /* "nt" */

/* Puts the program at the head of the chain: at priority 1 if that is free, else at the first free
 * one. A filter of ours that is there already is replaced in one step. Returns the priority, or
 * -errno. */
int clsact_attach(uint32_t ifindex, Direction direction, int prog_fd);

/* The priority of our filter, 0 if there is none, or -errno. */
int clsact_find(uint32_t ifindex, Direction direction);

/* Removes our filter and no other. 1 if it was there, 0 if not, or -errno. */
int clsact_detach(uint32_t ifindex, Direction direction);
