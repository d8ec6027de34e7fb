/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* The two forms of a flow's key. A flow is in ntc_flows4 if and only if both its addresses are IPv4
 * (::ffff:a.b.c.d), also when they came in an IPv6 header: so every key has one place. Compiles for
 * BPF and natively. */

#include "abi.h"

#ifndef __always_inline
#    define __always_inline inline __attribute__((always_inline))
#endif

static __always_inline int ntc_is_mapped(const __u8 address[16])
{
    const __u32 *words = (const __u32 *)address;

    return words[0] == 0 && words[1] == 0 && address[8] == 0 && address[9] == 0 &&
           address[10] == 0xff && address[11] == 0xff;
}

static __always_inline int ntc_is_flow4(const struct ntc_flow_key *key)
{
    return ntc_is_mapped(key->src) && ntc_is_mapped(key->dst);
}

/* What follows the addresses is the same in both. */
#define NTC_FLOW_KEY_TAIL  16
#define NTC_FLOW_KEY_EXTRA (sizeof(struct ntc_flow_key) - sizeof(struct ntc_flow4_key))
_Static_assert(sizeof(struct ntc_flow_key) == 32 + NTC_FLOW_KEY_TAIL, "addresses, tail");
_Static_assert(sizeof(struct ntc_flow4_key) == 8 + NTC_FLOW_KEY_TAIL, "addresses, tail");

/* By eight bytes: see ntc_put64(). */
static __always_inline void ntc_flow4_key_from(
        struct ntc_flow4_key *key4, const struct ntc_flow_key *key)
{
    const __u32 addresses[2] = {*(const __u32 *)(key->src + 12), *(const __u32 *)(key->dst + 12)};

    __builtin_memcpy(key4, addresses, 8);
    __builtin_memcpy((__u8 *)key4 + 8, (const __u8 *)key + 32, NTC_FLOW_KEY_TAIL);
}

static __always_inline void ntc_flow_key_from4(
        struct ntc_flow_key *key, const struct ntc_flow4_key *key4)
{
    *key = (struct ntc_flow_key){
            .src[10] = 0xff, .src[11] = 0xff, .dst[10] = 0xff, .dst[11] = 0xff};
    __builtin_memcpy(key->src + 12, key4->src, 4);
    __builtin_memcpy(key->dst + 12, key4->dst, 4);
    __builtin_memcpy((__u8 *)key + 32, (const __u8 *)key4 + 8, NTC_FLOW_KEY_TAIL);
}

/* A flow's bits in struct ntc_known. With eight flows a word, three bits a flow take one stranger
 * in thirty for known; one bit would take one in nine. */
struct ntc_flow_bits {
    __u64 mask;
    __u32 word;
};

static __always_inline struct ntc_flow_bits ntc_flow_bits(const void *key, __u32 bytes)
{
    const __u64 *words = key;
    __u64 hash = 0;

    for (__u32 i = 0; i < bytes / 8; i++) {
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32;
    }
    return (struct ntc_flow_bits){
            .mask = 1ULL << (hash >> 58) | 1ULL << (hash >> 52 & 63) | 1ULL << (hash >> 46 & 63),
            .word = (__u32)hash % NTC_KNOWN_WORDS,
    };
}
