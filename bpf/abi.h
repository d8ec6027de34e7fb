/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* The only ABI between the kernel program and user space: map keys and values, the ring buffer's
 * record, the shared control block. Fixed-width types, explicit zero padding, sizes asserted. Any
 * change of a layout or meaning raises NTC_ABI_VERSION, which stands in the names under which maps
 * outlive a process.
 *
 * Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. Ports are in host order. */

#include <linux/types.h>

#define NTC_ABI_VERSION 4

enum ntc_direction {
    NTC_INGRESS,
    NTC_EGRESS,
    NTC_DIRECTIONS,
};

enum ntc_action {
    NTC_PASS,
    NTC_DROP,
    NTC_SKIP,
    NTC_SSH,
    NTC_ACTIONS,
};

enum ntc_protocol_class {
    NTC_PROTO_TCP,
    NTC_PROTO_UDP,
    NTC_PROTO_ICMP,
    NTC_PROTO_ICMPV6,
    NTC_PROTO_OTHER,
    NTC_PROTO_NONIP,
    NTC_PROTOS,
};

/* --- flows: hash maps ntc_flows4 and ntc_flows6, of `flows.capacity` each */

struct ntc_flow_key {
    __u8 src[16];
    __u8 dst[16];
    __u16 sport;
    __u16 dport;
    __u32 ifindex;
    __u8 protocol;
    __u8 direction;
    __u8 zero[6]; /* the kernel compares keys by eight bytes, and a rest byte by byte */
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct ntc_flow_key) == 48, "no hidden padding");

/* Where both addresses are IPv4: a third of the bytes to hash and compare, which is most of what a
 * packet costs. See flow-key.h. */
struct ntc_flow4_key {
    __u8 src[4];
    __u8 dst[4];
    __u16 sport;
    __u16 dport;
    __u32 ifindex;
    __u8 protocol;
    __u8 direction;
    __u8 zero[6];
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct ntc_flow4_key) == 24, "no hidden padding");

/* The lists' verdict on a flow, cached: generation << 32 | slot << 8 | action. One aligned u64,
 * written by one store, so that nobody ever sees an old verdict under a new generation. 0 = never
 * judged. */
typedef __u64 ntc_judgement;
#define NTC_JUDGEMENT(generation, slot, action)                                                    \
    ((__u64)(__u32)(generation) << 32 | (__u64)(slot) << 8 | (__u64)(action))
#define NTC_JUDGEMENT_GENERATION(j) ((__u32)((j) >> 32))
#define NTC_JUDGEMENT_SLOT(j)       ((__u32)((j) >> 8 & 0xffffff))
#define NTC_JUDGEMENT_ACTION(j)     ((__u32)((j)&0xff))

/* What a flow carried is the sum of two counts: its owner's, the CPU that created it and as a rule
 * sees all of it, and that of all other CPUs. The owner alone writes its count, so that it needs no
 * atomic operations, which are a fifth of a packet's cost. */
struct ntc_flow {
    ntc_judgement judgement;
    __u64 owner_packets;
    __u64 owner_bytes;
    __u64 last_seen_ns; /* CLOCK_MONOTONIC, coarse */
    __u32 owner_cpu;    /* constant */
    __u8 tcp_flags;     /* all flags seen */
    __u8 action;        /* of the last packet */
    __u8 zero[2];
    __u64 other_packets; /* atomic */
    __u64 other_bytes;   /* atomic */
    __u64 first_seen_ns;
    __u32 syn_packets;   /* atomic; TCP with SYN */
    __u32 noack_packets; /* atomic; TCP without ACK (the rare ones are counted, not the common ones)
                          */
};
_Static_assert(sizeof(struct ntc_flow) == 72, "no hidden padding");

/* --- known flows: global data section .data.known, mapped by user space */

/* While a map is full, a flood asks it for one flow after another that it doesn't hold, and a
 * lookup that finds nothing is a walk through cold memory. So whoever adds a flow sets its bits,
 * and with the map full a flow that has one of them clear isn't looked up: a Bloom filter whose
 * bits for a flow lie in one word. Only one of the two sets is asked (control.known); user space
 * clears the other, fills it during a scan and then lets it be asked. A bit that is missing for a
 * moment costs a packet its flow (it counts as untracked), nothing else. See ntc_flow_bits(). */
#define NTC_KNOWN_WORDS (1U << 13)

struct ntc_known {
    __u64 words[NTC_KNOWN_WORDS];
};

/* --- counters: per-CPU array ntc_counters, one element */

struct ntc_count {
    __u64 packets;
    __u64 bytes;
};

struct ntc_counters {
    struct ntc_count by[NTC_PROTOS][NTC_DIRECTIONS][NTC_ACTIONS];
    __u64 untracked;
    __u64 unreadable;
    __u64 transport_unreadable;
    __u64 fragments_unmatched;
    __u64 events_shown;
    __u64 events_suppressed[NTC_ACTIONS];
    __u64 events_lost;
    /* Not counters: the program's own, see ntc_now_ns(). */
    __u64 clock_jiffies;
    __u64 clock_ns;
};

/* --- lists: LPM tries ntc_black4, ntc_black6, ntc_white4, ntc_white6; value = slot (u32) */

struct ntc_prefix4 {
    __u32 bits;
    __u8 address[4];
};

struct ntc_prefix6 {
    __u32 bits;
    __u8 address[16];
};

enum ntc_trie {
    NTC_TRIE_BLACK4 = 1 << 0,
    NTC_TRIE_BLACK6 = 1 << 1,
    NTC_TRIE_WHITE4 = 1 << 2,
    NTC_TRIE_WHITE6 = 1 << 3,
};

/* Hits: per-CPU array ntc_hits, NTC_HITS_SLOTS of them an element, for the kernel allocates
 * elements one by one. Slot 0 is nobody's. They only ever grow: where a slot's hits stood when it
 * was given to an entry is in the array ntc_hits_base (struct ntc_count, indexed by slot), which is
 * user space's own. */
#define NTC_SLOT_MAX   0xffffff
#define NTC_HITS_SLOTS 16

struct ntc_hits {
    struct ntc_count slots[NTC_HITS_SLOTS];
};

/* --- fragments: LRU map ntc_fragments */

struct ntc_fragment_key {
    __u8 src[16];
    __u8 dst[16];
    __u32 id; /* of the datagram, network order as found */
    __u32 ifindex;
    __u8 protocol; /* as every fragment tells it: IPv6's may be an extension header's */
    __u8 direction;
    __u8 zero[2];
};
_Static_assert(sizeof(struct ntc_fragment_key) == 44, "no hidden padding");

struct ntc_fragment {
    __u16 sport;
    __u16 dport;
    __u8 ssh;      /* the first fragment's decision */
    __u8 protocol; /* and its transport protocol */
    __u8 zero[2];
};
_Static_assert(sizeof(struct ntc_fragment) == 8, "no hidden padding");

/* --- control block: global data section .data.control, mapped by user space */

/* A budget allows `per_slice` packets in each slice of 2^NTC_SLICE_SHIFT ns (16.8 ms). */
#define NTC_SLICE_SHIFT 24

struct ntc_control {
    /* Of the lists. Raised by user space after it changed the maps. Never 0. */
    __u32 generation;
    /* Of ntc_flows4 and ntc_flows6: set by the kernel when a flow found no room, cleared by user
     * space when there is room again. */
    __u32 flows4_full;
    __u32 flows6_full;
    __u32 events_enabled;
    __u32 budget_per_slice;
    __u32 drop_budget_per_slice;
    __u32 abi_version;
    __u32 known;     /* which set of known flows is asked: 0 or 1 */
    __u64 event_seq; /* user space's own: what events are numbered from */
    /* NTC_TRIE_*: these hold no entry and aren't looked into. Cleared before one is added. */
    __u32 empty_tries;
    __u32 zero1;
    __u64 zero[2];
    /* What is used of the budgets: slice << 16 | packets, changed atomically. A cache line of its
     * own. */
    __u64 used;
    __u64 drop_used;
    __u64 zero2[6];
    __u64 ssh_ports[65536 / 64]; /* a bitmap */
};
_Static_assert(sizeof(struct ntc_control) == 128 + 8192, "no hidden padding");

/* --- events: ring buffer ntc_events */

struct ntc_event {
    __u64 time_ns;
    __u8 src[16];
    __u8 dst[16];
    __u16 sport;
    __u16 dport;
    __u32 ifindex;
    __u32 bytes;
    __u32 packets;
    __u8 protocol;
    __u8 direction;
    __u8 action;
    __u8 tcp_flags;
    __u32 zero;
};
_Static_assert(sizeof(struct ntc_event) == 64, "no hidden padding");

/* --- programs */
/* ntc_ingress, ntc_egress: frames with an Ethernet header. ntc_ingress_ip, ntc_egress_ip: raw IP.
 */
