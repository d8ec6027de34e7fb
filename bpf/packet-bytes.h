/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* What is known of a packet once it is read, how its bytes are got at, and how keys are written.
 * Compiles for BPF and natively: whoever includes it provides
 *
 *     static long ntc_load_bytes(void *ctx, __u32 offset, void *to, __u32 size);   0 on success
 *
 * which reads what is not in the linear part (bpf_skb_load_bytes; pulling would unclone every TCP
 * packet on egress). */

#include "flow-key.h"

#include <linux/types.h>

/* What is rare is a function that the verifier looks at by itself, once: what it finds out there
 * about single packets would multiply with all that follows, and so would the time of a start. */
#ifdef __bpf__
typedef struct __sk_buff ntc_context;
#    define NTC_SUBPROGRAM __attribute__((noinline))
#else
typedef void ntc_context;
#    define NTC_SUBPROGRAM static inline
#endif

enum {
    NTC_ETH_HLEN = 14,
    NTC_ETH_P_IP = 0x0800,
    NTC_ETH_P_IPV6 = 0x86dd,
    NTC_ETH_P_8021Q = 0x8100,
    NTC_ETH_P_8021AD = 0x88a8,
    NTC_ETH_P_QINQ1 = 0x9100,

    NTC_IPPROTO_HOPOPTS = 0,
    NTC_IPPROTO_ICMP = 1,
    NTC_IPPROTO_TCP = 6,
    NTC_IPPROTO_UDP = 17,
    NTC_IPPROTO_ROUTING = 43,
    NTC_IPPROTO_FRAGMENT = 44,
    NTC_IPPROTO_AH = 51,
    NTC_IPPROTO_ICMPV6 = 58,
    NTC_IPPROTO_DSTOPTS = 60,
    NTC_IPPROTO_SCTP = 132,
    NTC_IPPROTO_MOBILITY = 135,
    NTC_IPPROTO_HIP = 139,
    NTC_IPPROTO_SHIM6 = 140,
    NTC_IPPROTO_UDPLITE = 136,
    NTC_IPPROTO_DCCP = 33,

    NTC_TCP_FIN = 0x01,
    NTC_TCP_SYN = 0x02,
    NTC_TCP_RST = 0x04,
    NTC_TCP_ACK = 0x10,
};

/* Of bytes that are read by words: the verifier wants those on the stack aligned. */
#define NTC_BUFFER(name, bytes) __u8 name[bytes] __attribute__((aligned(8)))

struct ntc_packet {
    /* One of two forms, `ipv4` tells which. Both end with the same, so that it may be read and
     * written in either. ifindex and direction are the caller's to set. */
    union {
        struct ntc_flow_key key;
        struct {
            __u8 unused[NTC_FLOW_KEY_EXTRA];
            struct ntc_flow4_key key4;
        };
    };
    __u32 fragment_id;
    __u32 header_bytes; /* link, network and transport header: what GSO repeats in each segment */
    __u8 ipv4;          /* both addresses are, and stand in key4 */
    __u8 tcp_flags;
    __u8 have_ports;       /* sport and dport are the packet's own */
    __u8 have_flags;       /* tcp_flags is the packet's own */
    __u8 fragment;         /* part of a fragmented datagram */
    __u8 fragment_later;   /* and not its first part */
    __u8 fragment_next;    /* of the fragmentable part's first header: all parts agree on it */
    __u8 transport_failed; /* the transport header could not be read though it should be there */
};

/* A window on the packet: the linear part by pointers, the rest by ntc_load_bytes(). */
struct ntc_cursor {
    void *data;
    void *data_end;
    void *ctx;
};

/* No header begins further in (ten extension headers of 2,048 bytes each). What a compiler has
 * found out about a number, the verifier doesn't know any more once it was in memory: so it is told
 * right before the number is used. */
static __always_inline __u32 ntc_bounded(__u32 offset)
{
#ifdef __bpf__
    asm volatile("%0 &= 0x7fff" : "+r"(offset));
#endif
    return offset;
}

/* The `size` bytes at `offset`: in place, or copied into `buffer`; NULL where the packet ends
 * before. */
static __always_inline const __u8 *ntc_at(
        const struct ntc_cursor *cursor, __u32 offset, void *buffer, __u32 size)
{
    const __u8 *p = (const __u8 *)cursor->data + ntc_bounded(offset);

    if ((const void *)(p + size) <= cursor->data_end)
        return p;
    if (ntc_load_bytes(cursor->ctx, offset, buffer, size) == 0)
        return buffer;
    return 0;
}

/* Keys are hashed and compared right after they were written, by four and by eight bytes: a load
 * that is wider than the store before it has to wait, which costs more than all of the parsing. So
 * they are written by eight bytes. */
static __always_inline void ntc_put64(void *to, __u64 words)
{
    *(volatile __u64 *)to = words;
}

/* Packets are not aligned, and in BPF memcpy would go by bytes. */
#ifdef __bpf__
#    define NTC_GET(type, from) (*(const type *)(from))
#else
#    define NTC_GET(type, from)                                                                    \
        ({                                                                                         \
            type word_;                                                                            \
            __builtin_memcpy(&word_, from, sizeof(word_));                                         \
            word_;                                                                                 \
        })
#endif

/* In host order. */
static __always_inline __u16 ntc_get16(const void *from)
{
    __u16 word = NTC_GET(__u16, from);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap16(word);
#endif
    return word;
}

/* As they are. */
static __always_inline __u32 ntc_get32(const void *from)
{
    return NTC_GET(__u32, from);
}

static __always_inline __u64 ntc_get64(const void *from)
{
    return NTC_GET(__u64, from);
}

static __always_inline void ntc_put_ipv4(
        struct ntc_packet *packet, const __u8 src[4], const __u8 dst[4])
{
    const __u32 addresses[2] = {ntc_get32(src), ntc_get32(dst)};
    __u64 words;

    __builtin_memcpy(&words, addresses, 8);
    packet->ipv4 = 1;
    ntc_put64(packet->key4.src, words);
}

/* IPv4 in an IPv6 header gets the short form, too: every flow has one key. */
static __always_inline void ntc_put_ipv6(
        struct ntc_packet *packet, const __u8 src[16], const __u8 dst[16])
{
    ntc_put64(packet->key.src, ntc_get64(src));
    ntc_put64(packet->key.src + 8, ntc_get64(src + 8));
    ntc_put64(packet->key.dst, ntc_get64(dst));
    ntc_put64(packet->key.dst + 8, ntc_get64(dst + 8));
    if (ntc_is_flow4(&packet->key))
        ntc_put_ipv4(packet, src + 12, dst + 12);
}

static __always_inline void ntc_map_ipv4(__u8 to[16], const __u8 from[4])
{
    const __u8 prefix[12] = {[10] = 0xff, [11] = 0xff};

    __builtin_memcpy(to, prefix, 12);
    __builtin_memcpy(to + 12, from, 4);
}

/* The long form of both addresses. */
static __always_inline void ntc_get_addresses(
        const struct ntc_packet *packet, __u8 src[16], __u8 dst[16])
{
    if (packet->ipv4) {
        ntc_map_ipv4(src, packet->key4.src);
        ntc_map_ipv4(dst, packet->key4.dst);
    } else {
        __builtin_memcpy(src, packet->key.src, 16);
        __builtin_memcpy(dst, packet->key.dst, 16);
    }
}

static __always_inline void ntc_put_ports(struct ntc_flow_key *key, __u16 sport, __u16 dport)
{
    struct {
        __u16 sport, dport;
        __u32 ifindex;
    } both = {sport, dport, key->ifindex};
    __u64 words;

    __builtin_memcpy(&words, &both, 8);
    ntc_put64(&key->sport, words);
}

static __always_inline void ntc_put_protocol(struct ntc_flow_key *key, __u8 protocol)
{
    __u8 bytes[8] = {protocol, key->direction};
    __u64 words;

    __builtin_memcpy(&words, bytes, 8);
    ntc_put64(&key->protocol, words);
}
