/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* All maps. Capacities are set by user space before loading. */

#include "abi.h"

#include <bpf/bpf_helpers.h>

/* Preallocated: an insert must not wait for memory, and the cost is known from the start. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, struct ntc_flow4_key);
    __type(value, struct ntc_flow);
} ntc_flows4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, struct ntc_flow_key);
    __type(value, struct ntc_flow);
} ntc_flows6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct ntc_counters);
} ntc_counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 8192);
    __type(key, __u32);
    __type(value, struct ntc_hits);
} ntc_hits SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 131072);
    __type(key, __u32);
    __type(value, struct ntc_count);
} ntc_hits_base SEC(".maps");

struct ntc_trie4 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, struct ntc_prefix4);
    __type(value, __u32);
};
struct ntc_trie6 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, struct ntc_prefix6);
    __type(value, __u32);
};
struct ntc_trie4 ntc_black4 SEC(".maps");
struct ntc_trie4 ntc_white4 SEC(".maps");
struct ntc_trie6 ntc_black6 SEC(".maps");
struct ntc_trie6 ntc_white6 SEC(".maps");

/* LRU is fine here and only here: a forgotten fragment costs its datagram the SSH rule, never the
 * lists. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct ntc_fragment_key);
    __type(value, struct ntc_fragment);
} ntc_fragments SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 262144);
} ntc_events SEC(".maps");

struct ntc_known ntc_known[2] SEC(".data.known");

/* Mapped and written by user space; see struct ntc_control. */
struct ntc_control ntc_control SEC(".data.control");
