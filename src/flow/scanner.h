/* SPDX-License-Identifier: MIT */
#pragma once

/* Carries flows from the datapath to the flow table, and the table's decisions back.
 *
 * In: a Datapath, a FlowTable, `now`. One scan = read the counters (C1), read every live flow in
 * portions, end what is over, read the counters again (C2), check that everything counted is
 * accounted for. A scan of a full map takes milliseconds, so it is split: scanner_step() does one
 * portion and the loop turns in between. Borrows both objects. */

#include "datapath/datapath.h"
#include "flow/flow-table.h"

typedef struct Scanner Scanner;

typedef struct ScanResult {
    Counters counters; /* C2 */
    uint64_t flows_read;
    uint64_t flows_ended;
    /* Self-check: packets counted in the kernel but in no flow (or the reverse). 0 unless flows
     * were ended early while packets arrived, or something is wrong. */
    uint64_t drift_packets;
    uint64_t started_ns;
    uint64_t finished_ns;
} ScanResult;

int scanner_new(Datapath *datapath, FlowTable *table, Scanner **ret);
/* Call before the first scan if the datapath's maps are older than `table` (a restart adopted
 * them): what the kernel counted and no live flow explains is then taken as ended before our time,
 * and what the first scan meets is no traffic of this minute (flow_table_set_quiet()). */
void scanner_adopt(Scanner *scanner);
Scanner *scanner_free(Scanner *scanner);
DEFINE_CLEANUP(Scanner *, scanner_free);

/* Starts a scan unless one is running. -errno from the datapath. */
int scanner_begin(Scanner *scanner, uint64_t now_ns);
bool scanner_running(const Scanner *scanner);
/* One portion. 1: more to do; 0: the scan is complete and *ret is set; -errno: the scan was given
 * up, what was learnt so far stays, the next scan starts afresh. When no scan is running (a flush
 * completed it meanwhile) the last one's result is given again. */
int scanner_step(Scanner *scanner, uint64_t now_ns, ScanResult *ret);
/* The whole scan at once, for shutdown and tests. */
int scanner_run(Scanner *scanner, uint64_t now_ns, ScanResult *ret);

/* Ends every flow (FLOW_END_FLUSH). Returns how many, or -errno. */
int scanner_flush(Scanner *scanner, uint64_t now_ns);
