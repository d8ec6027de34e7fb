/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the mock*.c files and nobody else: a small machine that behaves as the kernel program
 * does (mock-packets.c, mock-lists.c), and a world that sends it packets (mock-traffic.c). */

#include "datapath/mock.h"
#include "flow/keyed-hash.h"

#define MOCK_ATTACHMENTS_MAX 64
#define MOCK_SESSIONS        96

typedef struct MockFlow {
    FlowSample sample; /* hash key: sample.key */
    UT_hash_handle hh;
} MockFlow;

typedef struct MockEntry {
    Prefix prefix;
    uint32_t slot;
    UT_hash_handle hh;
} MockEntry;

typedef struct MockList {
    MockEntry *entries;
    uint32_t by_bits[129]; /* how many of each length: only these need be looked up */
} MockList;

/* What was taken from a budget in the running slice of time. */
typedef struct MockBudget {
    uint32_t per_slice;
    uint32_t used;
    uint64_t slice;
} MockBudget;

/* One conversation of this machine, `local`, with another. */
typedef struct MockSession {
    Address local, remote;
    uint16_t local_port, remote_port;
    uint8_t protocol;
    bool inbound;   /* the other side began it */
    uint32_t step;  /* packets sent so far */
    uint32_t steps; /* until it is over; 0 = unused */
    uint32_t interface;
} MockSession;

typedef struct MockTraffic {
    uint64_t random; /* state of the generator */
    uint32_t rate;
    uint64_t credit; /* packets owed, in 1/NSEC_PER_SEC */
    uint64_t sent;
    MockSession sessions[MOCK_SESSIONS];
} MockTraffic;

typedef struct Mock {
    Datapath base; /* first */
    DatapathLimits limits;
    PacketEventFn on_event;
    void *userdata;
    sd_event_source *timer;
    uint64_t timer_ns; /* when it fired last */
    Counters counters;
    MockFlow *flows;
    MockFlow *scan_next; /* the next to hand out */
    bool flows_full;
    MockList lists[_LIST_MAX];
    Count *hits; /* by slot */
    uint8_t ssh_ports[65536 / 8];
    bool events_enabled;
    MockBudget budget, drop_budget;
    Attachment attachments[MOCK_ATTACHMENTS_MAX];
    size_t n_attachments;
    MockTraffic traffic;
} Mock;

/* The slot of the longest prefix that contains `address`, or SLOT_NONE. */
uint32_t mock_list_lookup(const MockList *list, const Address *address);
void mock_list_clear(MockList *list);
int mock_apply_lists(Datapath *datapath, const ListChange *changes, size_t n);
uint32_t mock_slots(Datapath *datapath);

/* Returns the verdict. */
Action mock_packet(Mock *mock, const PacketEvent *packet);
void mock_frame_nonip(Mock *mock, Direction direction, uint32_t length_bytes);
int mock_scan_begin(Datapath *datapath);
int mock_scan_next(Datapath *datapath, FlowSample *samples, size_t max);
int mock_end_flow(Datapath *datapath, const FlowKey *key, FlowSample *ret);
void mock_flows_have_room(Datapath *datapath);
int mock_set_events(Datapath *datapath, bool enabled, EventBudget budget);
void mock_flows_clear(Mock *mock);

void mock_traffic_init(MockTraffic *traffic, const MockOptions *options);
