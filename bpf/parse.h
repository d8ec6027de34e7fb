/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* L2 to L4 parser. No maps, no policy: bytes in, struct ntc_packet out. It compiles for BPF and
 * natively (fuzzing): whoever includes it provides
 *
 *     static long ntc_load_bytes(void *ctx, __u32 offset, void *to, __u32 size);   0 on success
 *
 * which reads what is not in the linear part (bpf_skb_load_bytes; pulling would unclone every TCP
 * packet on egress). Once addresses are read, failure further in only costs ports and flags: the
 * lists always decide.
 *
 * Sources: RFC 791 (IPv4), RFC 8200 (IPv6), IEEE 802.1Q, RFC 9293 (TCP), RFC 6946 (atomic
 * fragments). */

#include "abi.h"

#include <linux/types.h>

#ifndef __always_inline
#    define __always_inline inline __attribute__((always_inline))
#endif

/* What is rare is a function that the verifier looks at by itself, once: what it finds out there
 * about single packets would multiply with all that follows, and so would the time of a start. */
#ifdef __bpf__
typedef struct __sk_buff ntc_context;
#    define NTC_SUBPROGRAM __attribute__((noinline))
#else
typedef void ntc_context;
#    define NTC_SUBPROGRAM static inline
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#    define NTC_BE16(x) ((__u16)__builtin_bswap16(x))
#else
#    define NTC_BE16(x) ((__u16)(x))
#endif

#define NTC_VLAN_DEPTH_MAX   8
#define NTC_IPV6_HEADERS_MAX 10

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

enum ntc_parsed {
    NTC_PARSED_IP,         /* addresses are readable */
    NTC_PARSED_NONIP,      /* not IP by its ethertype */
    NTC_PARSED_UNREADABLE, /* IP by its ethertype, addresses not readable */
};

struct ntc_packet {
    struct ntc_flow_key key; /* all but ifindex and direction, which the caller knows */
    __u32 fragment_id;
    __u32 header_bytes; /* link, network and transport header: what GSO repeats in each segment */
    __u8 ipv4;
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

/* The `size` bytes at `offset`: in place, or copied into `buffer`; NULL where the packet ends
 * before. */
static __always_inline const __u8 *ntc_at(
        const struct ntc_cursor *cursor, __u32 offset, void *buffer, __u32 size)
{
    const __u8 *p = (const __u8 *)cursor->data + offset;

    if ((const void *)(p + size) <= cursor->data_end)
        return p;
    if (ntc_load_bytes(cursor->ctx, offset, buffer, size) == 0)
        return buffer;
    return 0;
}

static __always_inline __u16 ntc_get16(const __u8 *p)
{
    return (__u16)(p[0] << 8 | p[1]);
}

/* Keys are hashed and compared right after they were written, by four and by eight bytes: a load
 * that is wider than the store before it has to wait, which costs more than all of the parsing. So
 * they are written by eight bytes. */
static __always_inline void ntc_put64(void *to, __u64 words)
{
    *(volatile __u64 *)to = words;
}

/* Packets are not aligned, and memcpy would go by bytes. */
static __always_inline __u32 ntc_get32(const void *from)
{
#ifdef __bpf__
    return *(const __u32 *)from;
#else
    __u32 word;

    __builtin_memcpy(&word, from, 4);
    return word;
#endif
}

static __always_inline __u64 ntc_get64(const void *from)
{
#ifdef __bpf__
    return *(const __u64 *)from;
#else
    __u64 words;

    __builtin_memcpy(&words, from, 8);
    return words;
#endif
}

/* ::ffff:0:0/96. `to` is zeroed. */
static __always_inline void ntc_map_ipv4(__u8 to[16], const __u8 from[4])
{
    const struct {
        __u8 prefix[4];
        __u32 address;
    } both = {{0, 0, 0xff, 0xff}, ntc_get32(from)};
    __u64 words;

    __builtin_memcpy(&words, &both, 8);
    ntc_put64(to + 8, words);
}

static __always_inline void ntc_copy_ipv6(__u8 to[16], const __u8 from[16])
{
    ntc_put64(to, ntc_get64(from));
    ntc_put64(to + 8, ntc_get64(from + 8));
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

static __always_inline int ntc_has_ports(__u8 protocol)
{
    return protocol == NTC_IPPROTO_TCP || protocol == NTC_IPPROTO_UDP ||
           protocol == NTC_IPPROTO_SCTP || protocol == NTC_IPPROTO_UDPLITE ||
           protocol == NTC_IPPROTO_DCCP;
}

/* The transport header at `offset`. What can't be read stays unset. */
static __always_inline void ntc_parse_transport(
        const struct ntc_cursor *cursor, __u32 offset, struct ntc_packet *packet)
{
    __u8 protocol = packet->key.protocol;
    __u8 buffer[16];
    const __u8 *p;

    packet->header_bytes = offset;
    if (!ntc_has_ports(protocol))
        return;

    if (protocol == NTC_IPPROTO_TCP) {
        p = ntc_at(cursor, offset, buffer, 14);
        if (p) {
            ntc_put_ports(&packet->key, ntc_get16(p), ntc_get16(p + 2));
            packet->tcp_flags = p[13];
            packet->have_ports = 1;
            packet->have_flags = 1;
            packet->header_bytes = offset + (p[12] >> 4) * 4;
            return;
        }
    }
    p = ntc_at(cursor, offset, buffer, 4);
    if (p) {
        ntc_put_ports(&packet->key, ntc_get16(p), ntc_get16(p + 2));
        packet->have_ports = 1;
        packet->header_bytes = offset + (protocol == NTC_IPPROTO_SCTP ? 12 : 8);
        /* A TCP header without its flags. */
        packet->transport_failed = protocol == NTC_IPPROTO_TCP;
        return;
    }
    packet->transport_failed = 1;
}

static __always_inline enum ntc_parsed ntc_parse_ipv4(
        const struct ntc_cursor *cursor, __u32 offset, struct ntc_packet *packet)
{
    __u8 buffer[20];
    const __u8 *p = ntc_at(cursor, offset, buffer, 20);
    __u32 header_bytes;
    __u16 fragment;

    if (!p || p[0] >> 4 != 4)
        return NTC_PARSED_UNREADABLE;

    packet->ipv4 = 1;
    ntc_put_protocol(&packet->key, p[9]);
    ntc_map_ipv4(packet->key.src, p + 12);
    ntc_map_ipv4(packet->key.dst, p + 16);
    fragment = ntc_get16(p + 6);
    header_bytes = (p[0] & 0x0f) * 4;
    packet->header_bytes = offset + 20;

    if (fragment & 0x3fff) {
        packet->fragment = 1;
        packet->fragment_id = ntc_get16(p + 4);
        packet->fragment_next = p[9];
        if (fragment & 0x1fff) {
            packet->fragment_later = 1;
            return NTC_PARSED_IP;
        }
    }
    if (header_bytes < 20) {
        packet->transport_failed = 1;
        return NTC_PARSED_IP;
    }
    ntc_parse_transport(cursor, offset + header_bytes, packet);
    return NTC_PARSED_IP;
}

static __always_inline int ntc_is_extension(__u8 next)
{
    switch (next) {
    case NTC_IPPROTO_HOPOPTS:
    case NTC_IPPROTO_ROUTING:
    case NTC_IPPROTO_DSTOPTS:
    case NTC_IPPROTO_AH:
    case NTC_IPPROTO_FRAGMENT:
    case NTC_IPPROTO_MOBILITY:
    case NTC_IPPROTO_HIP:
    case NTC_IPPROTO_SHIM6:
        return 1;
    default:
        return 0;
    }
}

/* How far a walk got: to the header `next` at `offset`. */
struct ntc_walk {
    __u32 offset;
    __u32 fragment_id;
    __u8 next;
    __u8 fragment;
    __u8 fragment_later; /* `next` is the first part's, and not here */
    __u8 fragment_next;
    __u8 failed;
    __u8 zero[2];
};

static __always_inline void ntc_walk_fragment(struct ntc_walk *walk, const __u8 header[8])
{
    __u16 fragment = ntc_get16(header + 2);

    /* Neither an offset nor more to come: an atomic fragment, complete in itself. */
    if (!(fragment & 0xfff9))
        return;
    walk->fragment = 1;
    walk->fragment_next = header[0];
    walk->fragment_id = (__u32)ntc_get16(header + 4) << 16 | ntc_get16(header + 6);
    walk->fragment_later = (fragment & 0xfff8) != 0;
}

/* Walks the extension headers from `walk` on, while they are such. Header lengths count from the
 * end of their first 8 bytes, in units of 8 bytes; AH in units of 4 (RFC 8200 section 4, RFC 4302).
 */
NTC_SUBPROGRAM int ntc_walk_ipv6(ntc_context *ctx, struct ntc_walk *walk)
{
    __u8 header[8];

    if (!walk)
        return 0;
    for (int i = 0; i < NTC_IPV6_HEADERS_MAX; i++) {
        __u8 next = walk->next;

        if (!ntc_is_extension(next) || walk->fragment_later)
            return 0;
        if (ntc_load_bytes(ctx, walk->offset, header, 8) != 0) {
            walk->failed = 1;
            return 0;
        }
        walk->next = header[0];
        if (next == NTC_IPPROTO_FRAGMENT) {
            walk->offset += 8;
            ntc_walk_fragment(walk, header);
        } else {
            walk->offset += next == NTC_IPPROTO_AH ? (header[1] + 2U) * 4 : (header[1] + 1U) * 8;
        }
    }
    /* As many as are allowed, and not at the end: a later fragment is at its end wherever it is. */
    walk->failed = ntc_is_extension(walk->next) && !walk->fragment_later;
    return 0;
}

static __always_inline enum ntc_parsed ntc_parse_ipv6(
        const struct ntc_cursor *cursor, __u32 offset, struct ntc_packet *packet)
{
    __u8 buffer[40];
    const __u8 *p = ntc_at(cursor, offset, buffer, 40);
    struct ntc_walk walk = {.offset = offset + 40};

    if (!p || p[0] >> 4 != 6)
        return NTC_PARSED_UNREADABLE;

    ntc_copy_ipv6(packet->key.src, p + 8);
    ntc_copy_ipv6(packet->key.dst, p + 24);
    walk.next = p[6];
    if (ntc_is_extension(walk.next)) {
        ntc_walk_ipv6(cursor->ctx, &walk);
        packet->fragment = walk.fragment;
        packet->fragment_id = walk.fragment_id;
        packet->fragment_later = walk.fragment_later;
        packet->fragment_next = walk.fragment_next;
        packet->transport_failed = walk.failed;
        packet->header_bytes = walk.offset;
    }
    ntc_put_protocol(&packet->key, walk.next);
    /* No walk gets beyond; the verifier needs to be told. */
    if (!walk.fragment_later && !walk.failed && walk.offset < 0x8000)
        ntc_parse_transport(cursor, walk.offset, packet);
    return NTC_PARSED_IP;
}

/* `packet` must be zeroed. */
static __always_inline enum ntc_parsed ntc_parse_raw_ip(
        const struct ntc_cursor *cursor, struct ntc_packet *packet)
{
    __u8 buffer[1];
    const __u8 *p = ntc_at(cursor, 0, buffer, 1);

    if (!p)
        return NTC_PARSED_UNREADABLE;
    if (p[0] >> 4 == 4)
        return ntc_parse_ipv4(cursor, 0, packet);
    if (p[0] >> 4 == 6)
        return ntc_parse_ipv6(cursor, 0, packet);
    return NTC_PARSED_NONIP;
}

static __always_inline int ntc_is_vlan(__u16 ethertype)
{
    return ethertype == NTC_ETH_P_8021Q || ethertype == NTC_ETH_P_8021AD ||
           ethertype == NTC_ETH_P_QINQ1;
}

/* Behind the tags from `offset` on: offset << 16 | ethertype; 0 = not readable. */
NTC_SUBPROGRAM int ntc_skip_tags(ntc_context *ctx, __u32 offset)
{
    __u8 tag[4];

    for (int i = 0; i < NTC_VLAN_DEPTH_MAX - 1; i++) {
        __u16 ethertype;

        if (ntc_load_bytes(ctx, offset, tag, 4) != 0)
            return 0;
        ethertype = ntc_get16(tag + 2);
        offset += 4;
        if (!ntc_is_vlan(ethertype) || i == NTC_VLAN_DEPTH_MAX - 2)
            return (int)(offset << 16 | ethertype);
    }
    return 0;
}

/* `packet` must be zeroed. */
static __always_inline enum ntc_parsed ntc_parse_ethernet(
        const struct ntc_cursor *cursor, struct ntc_packet *packet)
{
    __u32 offset = NTC_ETH_HLEN;
    __u8 buffer[2];
    const __u8 *p = ntc_at(cursor, 12, buffer, 2);
    __u16 ethertype;

    if (!p)
        return NTC_PARSED_NONIP;
    ethertype = ntc_get16(p);
    if (ntc_is_vlan(ethertype)) {
        p = ntc_at(cursor, offset + 2, buffer, 2);
        if (!p)
            return NTC_PARSED_NONIP;
        ethertype = ntc_get16(p);
        offset += 4;
    }
    if (ntc_is_vlan(ethertype)) {
        __u32 found = (__u32)ntc_skip_tags(cursor->ctx, offset);

        ethertype = (__u16)found;
        offset = found >> 16 & 0xff;
    }
    if (ethertype == NTC_ETH_P_IP)
        return ntc_parse_ipv4(cursor, offset, packet);
    if (ethertype == NTC_ETH_P_IPV6)
        return ntc_parse_ipv6(cursor, offset, packet);
    return NTC_PARSED_NONIP;
}

static __always_inline enum ntc_protocol_class ntc_class_of(__u8 protocol)
{
    switch (protocol) {
    case NTC_IPPROTO_TCP:
        return NTC_PROTO_TCP;
    case NTC_IPPROTO_UDP:
        return NTC_PROTO_UDP;
    case NTC_IPPROTO_ICMP:
        return NTC_PROTO_ICMP;
    case NTC_IPPROTO_ICMPV6:
        return NTC_PROTO_ICMPV6;
    default:
        return NTC_PROTO_OTHER;
    }
}
