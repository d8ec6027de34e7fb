/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* What is to become of a packet: the SSH rule, and the lists. First match wins:
 * SSH, whitelist (SKIP), blacklist (DROP), else PASS. */

#include "flow-key.h"
#include "maps.bpf.h"
#include "parse.h"

static __always_inline int ntc_is_ssh_port(__u16 port)
{
    return ntc_control.ssh_ports[port >> 6] >> (port & 63) & 1;
}

/* To an SSH port always; from one unless it is a pure SYN, or a blacklisted host could reach any
 * port by sending from port 22. Without the flags byte the second half does not apply. */
static __always_inline int ntc_is_ssh(const struct ntc_packet *packet)
{
    if (packet->key.protocol != NTC_IPPROTO_TCP || !packet->have_ports)
        return 0;
    if (ntc_is_ssh_port(packet->key.dport))
        return 1;
    return packet->have_flags && ntc_is_ssh_port(packet->key.sport) &&
           (packet->tcp_flags & (NTC_TCP_SYN | NTC_TCP_ACK)) != NTC_TCP_SYN;
}

/* The slot of the longest prefix that holds `address`; 0 = none. */
static __always_inline __u32 ntc_slot4(void *trie, const __u8 address[16])
{
    struct ntc_prefix4 key = {.bits = 32};
    __u32 *slot;

    __builtin_memcpy(key.address, address + 12, 4);
    slot = bpf_map_lookup_elem(trie, &key);
    return slot ? *slot : 0;
}

static __always_inline __u32 ntc_slot6(void *trie, const __u8 address[16])
{
    struct ntc_prefix6 key = {.bits = 128};
    __u32 *slot;

    __builtin_memcpy(key.address, address, 16);
    slot = bpf_map_lookup_elem(trie, &key);
    return slot ? *slot : 0;
}

/* `empty`: of the list's tries, whether they are. */
static __always_inline __u32 ntc_list_slot(
        void *trie4, void *trie6, __u32 empty4, __u32 empty6, const __u8 address[16])
{
    if (ntc_is_mapped(address))
        return empty4 ? 0 : ntc_slot4(trie4, address);
    return empty6 ? 0 : ntc_slot6(trie6, address);
}

static __always_inline __u32 ntc_white_slot(const __u8 address[16])
{
    __u32 empty = *(volatile __u32 *)&ntc_control.empty_tries;

    return ntc_list_slot(
            &ntc_white4, &ntc_white6, empty & NTC_TRIE_WHITE4, empty & NTC_TRIE_WHITE6, address);
}

static __always_inline __u32 ntc_black_slot(const __u8 address[16])
{
    __u32 empty = *(volatile __u32 *)&ntc_control.empty_tries;

    return ntc_list_slot(
            &ntc_black4, &ntc_black6, empty & NTC_TRIE_BLACK4, empty & NTC_TRIE_BLACK6, address);
}

/* Asks the lists: off the hot path, a separate function. The generation is read once and *before*
 * the lookups: should a list change meanwhile, the verdict carries the old generation and is not
 * believed. */
NTC_SUBPROGRAM ntc_judgement ntc_judge(const struct ntc_packet *packet)
{
    NTC_BUFFER(src, 16);
    NTC_BUFFER(dst, 16);
    __u32 generation, slot;

    if (!packet)
        return 0;
    ntc_get_addresses(packet, src, dst);
    generation = *(volatile __u32 *)&ntc_control.generation;

    slot = ntc_white_slot(src);
    if (!slot)
        slot = ntc_white_slot(dst);
    if (slot)
        return NTC_JUDGEMENT(generation, slot, NTC_SKIP);

    slot = ntc_black_slot(src);
    if (!slot)
        slot = ntc_black_slot(dst);
    if (slot)
        return NTC_JUDGEMENT(generation, slot, NTC_DROP);

    return NTC_JUDGEMENT(generation, 0, NTC_PASS);
}

/* Fragments carry ports and flags (and behind IPv6 options even the protocol) only in the first
 * part; the others inherit what was decided there. Returns whether the SSH rule applies to this
 * part. */
NTC_SUBPROGRAM int ntc_fragment_ssh(
        struct ntc_packet *packet, struct ntc_counters *counters, __u32 packets)
{
    struct ntc_fragment_key key = {};
    struct ntc_fragment *seen;

    if (!packet || !counters)
        return 0;
    key.id = packet->fragment_id;
    key.ifindex = packet->key.ifindex;
    key.protocol = packet->fragment_next;
    key.direction = packet->key.direction;
    ntc_get_addresses(packet, key.src, key.dst);

    if (!packet->fragment_later) {
        struct ntc_fragment first = {
                .sport = packet->key.sport,
                .dport = packet->key.dport,
                .ssh = ntc_is_ssh(packet),
                .protocol = packet->key.protocol,
        };

        bpf_map_update_elem(&ntc_fragments, &key, &first, BPF_ANY);
        return first.ssh;
    }

    seen = bpf_map_lookup_elem(&ntc_fragments, &key);
    if (!seen) {
        counters->fragments_unmatched += packets;
        return 0;
    }
    packet->key.protocol = seen->protocol;
    packet->key.sport = seen->sport;
    packet->key.dport = seen->dport;
    return seen->ssh;
}
