/* SPDX-License-Identifier: MIT */
#pragma once

/* The cost of a packet: ntc's program, one of the usual design, and an empty one, on the same
 * packets in interleaved rounds. bench-programs.c owns the programs, bench-packet.c the rounds and
 * the report. */

#include "packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { FLOWS_MAX = 65536 };

typedef enum BenchProgram {
    BENCH_EMPTY,
    BENCH_USUAL,
    BENCH_NTC,
    _BENCH_PROGRAM_MAX,
} BenchProgram;

typedef struct BenchCase {
    const char *name, *label;
    PacketSpec spec;
    bool egress;      /* by the program of that direction */
    uint32_t flows;   /* 0 = one and the same packet; else so many in turn */
    bool fresh;       /* start every run from an empty flow map */
    bool full;        /* the flow map has no room */
    bool stale;       /* the lists changed: each flow is judged anew */
    bool twin;        /* another CPU runs the same program on the same packet meanwhile */
    uint32_t budget;  /* events per slice; 0 = events off */
    uint32_t packets; /* per run */
} BenchCase;

/* As the unit's user with the unit's capabilities; `entries` in each list, half of them IPv4. */
int bench_load(uint32_t entries);
void bench_unload(void);

/* Nanoseconds per packet of one run, or a negative errno. */
double bench_run(BenchProgram program, const BenchCase *bench);

/* Records the usual program could not send since the last call. */
uint64_t bench_usual_lost(void);
