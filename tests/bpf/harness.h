/* SPDX-License-Identifier: MIT */
#pragma once

/* Runs the real eBPF program on single packets (BPF_PROG_TEST_RUN) and looks at everything it left:
 * verdict, flows, per-CPU counters, hits, event records.
 *
 * One program with small maps is loaded per process; every case starts from empty maps, generation
 * 1, SSH port 22, events off, and ends with the self-check of the accounting plane:
 * counters = flows + untracked + NONIP + unreadable. One line a case; exit status 1 on a failure,
 * and a program that does not load is one. */

#include "abi.h"
#include "packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NEXT = -1,
    SHOT = 2,
    HARNESS_FLOWS = 256, /* of IPv4, and as many others */
    HARNESS_LISTS = 64,
    HARNESS_EVENTS_MAX = 2048,
    HARNESS_RING_BYTES = 65536,
    HARNESS_IFINDEX = 1, /* the loopback device, which a test run stands on unless told otherwise */
};

typedef enum Program {
    INGRESS,
    EGRESS,
    INGRESS_IP,
    EGRESS_IP,
    _PROGRAM_MAX,
} Program;

typedef enum List {
    BLACK,
    WHITE,
} List;

typedef struct TestCase {
    const char *name;
    void (*run)(void);
} TestCase;

/* Runs all cases; what main() returns. */
int harness_main(const char *suite, const TestCase *cases, size_t n_cases);

/* Name of a row within a case that walks a table: shown where an expectation fails. */
void harness_row(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool harness_expect(bool ok, const char *file, int line, const char *what);
bool harness_expect_eq(int64_t left, int64_t right, const char *file, int line, const char *what);
#define EXPECT(condition) harness_expect(condition, __FILE__, __LINE__, #condition)
#define EXPECT_EQ(left, right)                                                                     \
    harness_expect_eq((int64_t)(left), (int64_t)(right), __FILE__, __LINE__, #left " == " #right)

/* Empties maps, counters and the ring, and sets the defaults above. */
void harness_reset(void);

struct ntc_control *harness_control(void);
struct ntc_known *harness_known(void); /* both sets */
int harness_program_fd(Program program);

/* The program's verdict; a run the kernel refused is a failure and returns 1000. */
int run_bytes(Program program, const void *data, size_t size);
int run_packet(Program program, const Packet *packet);
int run_spec(Program program, const PacketSpec *spec);
int run_gso(Program program, const Packet *packet, uint32_t gso_segs, uint32_t gso_size);
int run_repeat(Program program, const Packet *packet, uint32_t repeat);
int run_on_interface(Program program, const Packet *packet, uint32_t ifindex);

/* `prefix` is ADDRESS or ADDRESS/BITS. Edits don't raise the generation by themselves. */
void list_add(List list, const char *prefix, uint32_t slot);
void list_remove(List list, const char *prefix);
void list_changed(void);

/* Summed over CPUs. */
struct ntc_counters counters(void);
struct ntc_counters counters_of_cpu(int cpu);
struct ntc_count hits(uint32_t slot);
/* All packets of all classes. */
uint64_t counted_packets(void);

size_t flow_count(void);
bool flow_get(const struct ntc_flow_key *key, struct ntc_flow *ret);
static inline uint64_t flow_packets(const struct ntc_flow *flow)
{
    return flow->owner_packets + flow->other_packets;
}
static inline uint64_t flow_bytes(const struct ntc_flow *flow)
{
    return flow->owner_bytes + flow->other_bytes;
}
/* Deletes it, as user space does when it ends a flow; the self-check knows. */
bool flow_end(const struct ntc_flow_key *key);

/* Takes what is in the ring; valid until the next call. */
size_t events_take(const struct ntc_event **ret);

/* Pins the calling thread. */
void pin_to_cpu(int cpu);
