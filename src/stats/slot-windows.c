/* SPDX-License-Identifier: MIT */
#include "stats/slot-windows.h"

#include <errno.h>

struct SlotBucket {
    uint64_t packets;
    uint64_t bytes;
    uint32_t dropped_packets; /* these saturate */
    uint32_t syn_packets;
    uint32_t ack_packets;
};

int slot_windows_init(SlotWindows *windows, uint32_t max)
{
    bool complete;

    *windows = (SlotWindows){.sums = calloc(max, sizeof(*windows->sums)),
            .ports = calloc(max, sizeof(*windows->ports)),
            /* Who sends to many ports is rare; if everybody does, memory still stays bounded. */
            .sketch_budget = MAX_OF(max / 16, 64U)};
    complete = windows->sums && windows->ports;
    for (size_t i = 0; i < WINDOW_BUCKETS; i++) {
        windows->rows[i] = calloc(max, sizeof(*windows->rows[i]));
        complete = complete && windows->rows[i];
    }
    return complete ? 0 : -ENOMEM;
}

void slot_windows_done(SlotWindows *windows)
{
    for (size_t i = 0; i < windows->n; i++)
        port_set_clear(&windows->ports[i], &windows->sketch_budget);
    for (size_t i = 0; i < WINDOW_BUCKETS; i++)
        free(windows->rows[i]);
    free(windows->ports);
    free(windows->sums);
    *windows = (SlotWindows){};
}

/* --- time passes */

static void take_off(AddressSums *sums, const SlotBucket *bucket)
{
    sums->packets -= bucket->packets;
    sums->bytes -= bucket->bytes;
    sums->dropped_packets -= bucket->dropped_packets;
    sums->syn_packets -= bucket->syn_packets;
    sums->ack_packets -= bucket->ack_packets;
}

/* How many rows make room for the buckets after the running one, until `bucket`. */
static uint32_t n_outdated(const SlotWindows *windows, uint32_t bucket)
{
    uint32_t passed = bucket > windows->bucket ? bucket - windows->bucket : 0;

    return MIN_OF(passed, WINDOW_BUCKETS);
}

static SlotBucket *outdated(const SlotWindows *windows, uint32_t i)
{
    return windows->rows[(windows->bucket + 1 + i) % WINDOW_BUCKETS];
}

static void expire_row(SlotWindows *windows, SlotBucket *row)
{
    for (size_t i = 0; i < windows->n; i++) {
        if (row[i].packets == 0)
            continue;
        take_off(&windows->sums[i], &row[i]);
        row[i] = (SlotBucket){};
    }
}

static void expire_ports(SlotWindows *windows)
{
    for (size_t i = 0; i < windows->n; i++) {
        AddressSums *sums = &windows->sums[i];

        if (sums->ports == 0 || sums->ports_due > windows->bucket)
            continue;
        sums->ports_due =
                port_set_forget(&windows->ports[i], windows->bucket, &windows->sketch_budget);
        sums->ports = port_set_count(&windows->ports[i], windows->bucket);
    }
}

void slot_windows_advance(SlotWindows *windows, uint32_t bucket)
{
    uint32_t n = n_outdated(windows, bucket);

    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        expire_row(windows, outdated(windows, i));
    windows->bucket = bucket;
    expire_ports(windows);
}

AddressSums slot_windows_get(const SlotWindows *windows, size_t slot, uint32_t bucket)
{
    AddressSums sums = windows->sums[slot];
    uint32_t n = n_outdated(windows, bucket);

    for (uint32_t i = 0; i < n; i++)
        take_off(&sums, &outdated(windows, i)[slot]);
    if (n > 0)
        sums.ports = port_set_count(&windows->ports[slot], bucket);
    return sums;
}

/* --- in */

/* Returns how much found room. */
static uint32_t add_saturating(uint32_t *to, uint32_t n)
{
    n = MIN_OF(n, UINT32_MAX - *to);
    *to += n;
    return n;
}

static void add_sums(AddressSums *sums, SlotBucket *bucket, const WindowSums *added)
{
    bucket->packets += added->packets;
    bucket->bytes += added->bytes;
    sums->packets += added->packets;
    sums->bytes += added->bytes;
    sums->dropped_packets += add_saturating(&bucket->dropped_packets, added->dropped_packets);
    sums->syn_packets += add_saturating(&bucket->syn_packets, added->syn_packets);
    sums->ack_packets += add_saturating(&bucket->ack_packets, added->ack_packets);
}

static void add_port(SlotWindows *windows, size_t slot, uint16_t port, uint32_t bucket)
{
    PortSet *ports = &windows->ports[slot];
    AddressSums *sums = &windows->sums[slot];
    uint32_t due;

    port_set_add(ports, port, bucket, &windows->sketch_budget);
    due = bucket + (ports->sketch ? 1 : PORT_SET_BUCKETS);
    if (sums->ports == 0 || due < sums->ports_due)
        sums->ports_due = due;
    sums->ports = port_set_count(ports, ports->bucket);
}

void slot_windows_add(SlotWindows *windows, size_t slot, const WindowSums *added, uint16_t port)
{
    uint32_t bucket = added->bucket;

    windows->n = MAX_OF(windows->n, (uint32_t)slot + 1);
    slot_windows_advance(windows, bucket);
    if (windows->bucket - bucket >= WINDOW_BUCKETS)
        return;
    add_sums(&windows->sums[slot], &windows->rows[bucket % WINDOW_BUCKETS][slot], added);
    if (port != 0)
        add_port(windows, slot, port, windows->bucket);
}

void slot_windows_clear(SlotWindows *windows, size_t slot)
{
    port_set_clear(&windows->ports[slot], &windows->sketch_budget);
    windows->ports[slot] = (PortSet){};
    windows->sums[slot] = (AddressSums){};
}
