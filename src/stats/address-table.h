/* SPDX-License-Identifier: MIT */
#pragma once

/* What each address did in the last 60 s: the sums over the running bucket of 5 s and the eleven
 * before it, exact at any time. Bounded; nothing is allocated per address but what more than 64
 * ports need (stats/port-set.h). Private to stats.c. */

#include "stats/slot-windows.h"

typedef struct AddressTable AddressTable;

/* Memory for `max` addresses, which the kernel gives when it is used. */
int address_table_new(uint32_t max, AddressTable **ret);
AddressTable *address_table_free(AddressTable *table);
DEFINE_CLEANUP(AddressTable *, address_table_free);

/* Of `added` all but the bucket; `dport` 0: none. False: there is no room for this address. Time
 * doesn't go back: what is said to be older than the newest counts as of that. */
bool address_table_add(AddressTable *table, const Address *address, const WindowSums *added,
        uint16_t dport, uint64_t now_ns);
/* Makes room; from time to time. */
void address_table_drop_idle(AddressTable *table, uint64_t now_ns);

/* All addresses with some gaps between them, valid until the next call for the table. From then on
 * its running bucket is that of `now_ns`. */
const AddressSums *address_table_all(AddressTable *table, uint64_t now_ns, size_t *ret_n);
/* One of them, now or later; false if it isn't there or idle. */
bool address_table_get(const AddressTable *table, const Address *address, uint64_t now_ns,
        AddressSums *ret, uint64_t *ret_last_seen_ns);
uint32_t address_table_max(const AddressTable *table);
uint32_t address_table_active(const AddressTable *table, uint64_t now_ns);
