/* SPDX-License-Identifier: MIT */
/* Addresses stand in a hash and in a list by the time they were seen last: those that nobody saw
 * for a whole window are at its head, and go first when room is needed. What they did is in
 * slot-windows.h, under the index of their record here. */

#define HASH_BUCKETS_LOG2 keyed_hash_log2(table->max)

#include "stats/address-table.h"

#include "flow/keyed-hash.h"

#include <errno.h>

typedef struct AddressRecord {
    uint64_t last_seen_ns;
    struct AddressRecord *older, *newer; /* `older` links the unused ones, too */
    UT_hash_handle hh;                   /* the key is in the slot's sums */
} AddressRecord;

struct AddressTable {
    uint32_t max;
    uint32_t n_used; /* records ever used; the rest is behind them */
    uint64_t newest_ns;
    AddressRecord *records; /* by slot */
    AddressRecord *hash;    /* uthash */
    AddressRecord *oldest, *newest;
    AddressRecord *unused; /* of those ever used */
    SlotWindows windows;
};

int address_table_new(uint32_t max, AddressTable **ret)
{
    _cleanup_(address_table_freep) AddressTable *table = calloc(1, sizeof(*table));
    int r;

    if (!table)
        return -ENOMEM;
    table->max = max;
    r = slot_windows_init(&table->windows, max);
    table->records = calloc(max, sizeof(*table->records));
    if (r < 0 || !table->records)
        return -ENOMEM;
    *ret = TAKE_PTR(table);
    return 0;
}

AddressTable *address_table_free(AddressTable *table)
{
    if (!table)
        return NULL;
    HASH_CLEAR(hh, table->hash);
    slot_windows_done(&table->windows);
    free(table->records);
    free(table);
    return NULL;
}

static size_t slot_of(const AddressTable *table, const AddressRecord *record)
{
    return (size_t)(record - table->records);
}

/* --- coming and going */

static void unlink_record(AddressTable *table, AddressRecord *record)
{
    *(record->older ? &record->older->newer : &table->oldest) = record->newer;
    *(record->newer ? &record->newer->older : &table->newest) = record->older;
    record->older = record->newer = NULL;
}

static void append_record(AddressTable *table, AddressRecord *record)
{
    record->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = record;
    table->newest = record;
}

static AddressRecord *take_slot(AddressTable *table)
{
    AddressRecord *record = table->unused;

    if (!record)
        return table->n_used < table->max ? &table->records[table->n_used++] : NULL;
    table->unused = record->older;
    record->older = NULL;
    return record;
}

static void give_slot_back(AddressTable *table, AddressRecord *record)
{
    slot_windows_clear(&table->windows, slot_of(table, record));
    *record = (AddressRecord){.older = table->unused};
    table->unused = record;
}

static void drop(AddressTable *table, AddressRecord *record)
{
    unlink_record(table, record);
    HASH_DELETE(hh, table->hash, record);
    give_slot_back(table, record);
}

static bool is_idle(const AddressRecord *record, uint32_t bucket)
{
    uint32_t seen = window_bucket(record->last_seen_ns);

    return bucket > seen && bucket - seen >= WINDOW_BUCKETS;
}

void address_table_drop_idle(AddressTable *table, uint64_t now_ns)
{
    uint32_t bucket = window_bucket(now_ns);

    slot_windows_advance(&table->windows, bucket);
    while (table->oldest && is_idle(table->oldest, bucket))
        drop(table, table->oldest);
}

static AddressRecord *find(const AddressTable *table, const Address *address)
{
    AddressRecord *record;

    HASH_FIND(hh, table->hash, address, sizeof(*address), record);
    return record;
}

static AddressRecord *insert(AddressTable *table, const Address *address)
{
    AddressRecord *record = take_slot(table);
    Address *key;

    if (!record)
        return NULL;
    key = &table->windows.sums[slot_of(table, record)].address;
    *key = *address;
    HASH_ADD_KEYPTR(hh, table->hash, key, sizeof(*key), record);
    if (!hash_added(record)) {
        give_slot_back(table, record);
        return NULL;
    }
    append_record(table, record);
    return record;
}

/* The record of `address`, now the newest; NULL when there is no room. */
static AddressRecord *touch(AddressTable *table, const Address *address, uint64_t now_ns)
{
    AddressRecord *record = find(table, address);

    if (!record) {
        address_table_drop_idle(table, now_ns);
        record = insert(table, address);
    } else if (record != table->newest) {
        unlink_record(table, record);
        append_record(table, record);
    }
    if (record)
        record->last_seen_ns = now_ns;
    return record;
}

bool address_table_add(AddressTable *table, const Address *address, const WindowSums *added,
        uint16_t dport, uint64_t now_ns)
{
    WindowSums sums = *added;
    AddressRecord *record;

    table->newest_ns = MAX_OF(table->newest_ns, now_ns);
    record = touch(table, address, table->newest_ns);
    if (!record)
        return false;
    sums.bucket = window_bucket(table->newest_ns);
    slot_windows_add(&table->windows, slot_of(table, record), &sums, dport);
    return true;
}

/* --- out */

const AddressSums *address_table_all(AddressTable *table, uint64_t now_ns, size_t *ret_n)
{
    slot_windows_advance(&table->windows, window_bucket(now_ns));
    *ret_n = table->windows.n;
    return table->windows.sums;
}

bool address_table_get(const AddressTable *table, const Address *address, uint64_t now_ns,
        AddressSums *ret, uint64_t *ret_last_seen_ns)
{
    const AddressRecord *record = find(table, address);
    AddressSums sums;

    if (!record)
        return false;
    sums = slot_windows_get(&table->windows, slot_of(table, record), window_bucket(now_ns));
    if (sums.packets == 0)
        return false;
    *ret = sums;
    *ret_last_seen_ns = record->last_seen_ns;
    return true;
}

uint32_t address_table_max(const AddressTable *table)
{
    return table->max;
}

uint32_t address_table_active(const AddressTable *table, uint64_t now_ns)
{
    uint32_t n = HASH_COUNT(table->hash), bucket = window_bucket(now_ns);

    for (const AddressRecord *r = table->oldest; r && is_idle(r, bucket); r = r->newer)
        n--;
    return n;
}
