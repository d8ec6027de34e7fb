/* SPDX-License-Identifier: MIT */
#pragma once

/* What the harness's two halves share. */

#include "harness.h"
#include "ntc.skel.h"

extern struct ntc_bpf *harness_skeleton;

/* Ends the process: the machine, not the program under test, is at fault. */
void harness_die(const char *what) __attribute__((noreturn));

/* Sum over the flow map's entries, and those a case ended. */
uint64_t harness_flow_packets(void);
uint64_t counted_nonip(void);
