/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* L2 to L4 parser. No maps, no policy: bytes in, struct ntc_packet out. Compiles for BPF and
 * natively (fuzzing). Once addresses are read, failure further in only costs ports and flags: the
 * lists always decide.
 *
 * Sources: RFC 791 (IPv4), RFC 8200 (IPv6), IEEE 802.1Q, RFC 9293 (TCP), RFC 6946 (atomic
 * fragments). */

#include "packet-bytes.h"

#define NTC_VLAN_DEPTH_MAX   8
#define NTC_IPV6_HEADERS_MAX 10

enum ntc_parsed {
    NTC_PARSED_IP,         /* addresses are readable */
    NTC_PARSED_NONIP,      /* not IP by its ethertype */
    NTC_PARSED_UNREADABLE, /* IP by its ethertype, addresses not readable */
    NTC_PARSED_BURIED,     /* behind more tags than are walked */
};

static __always_inline int ntc_has_ports(__u8 protocol)
{
    return protocol == NTC_IPPROTO_TCP || protocol == NTC_IPPROTO_UDP ||
           protocol == NTC_IPPROTO_SCTP || protocol == NTC_IPPROTO_UDPLITE ||
           protocol == NTC_IPPROTO_DCCP;
}

/* The transport header at `offset`. What can't be read stays unset. Of a first fragment nothing
 * from `end` on is read: there the datagram ends, but not the frame (Ethernet's padding, or worse),
 * and what stands there in truth is in another fragment. Whole datagrams that are cut short go
 * nowhere. */
static __always_inline void ntc_parse_transport(
        const struct ntc_cursor *cursor, __u32 offset, __u32 end, struct ntc_packet *packet)
{
    __u8 protocol = packet->key.protocol;
    NTC_BUFFER(buffer, 16);
    const __u8 *p;

    packet->header_bytes = offset;
    if (!ntc_has_ports(protocol))
        return;

    if (packet->fragment && offset + 4 > end) {
        packet->transport_failed = 1;
        return;
    }
    if (protocol == NTC_IPPROTO_TCP && (!packet->fragment || offset + 14 <= end)) {
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

/* What the first of several IPv4 fragments carries: Linux cuts it down to units of eight bytes
 * (ip_frag_queue(), net/ipv4/ip_fragment.c), and the next one brings the rest anew. IPv6's that
 * isn't made of such units is refused. */
static __always_inline __u32 ntc_first_fragment_bytes(const __u8 *header, __u32 header_bytes)
{
    __u32 total = ntc_get16(header + 2);

    return total > header_bytes ? (total - header_bytes) & ~7U : 0;
}

static __always_inline enum ntc_parsed ntc_parse_ipv4(
        const struct ntc_cursor *cursor, __u32 offset, struct ntc_packet *packet)
{
    NTC_BUFFER(buffer, 20);
    const __u8 *p = ntc_at(cursor, offset, buffer, 20);
    __u32 header_bytes;
    __u16 fragment;

    if (!p || p[0] >> 4 != 4)
        return NTC_PARSED_UNREADABLE;

    ntc_put_protocol(&packet->key, p[9]);
    ntc_put_ipv4(packet, p + 12, p + 16);
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
    offset += header_bytes;
    ntc_parse_transport(cursor, offset, offset + ntc_first_fragment_bytes(p, header_bytes), packet);
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
    __u32 end; /* of the datagram; what is behind it in the frame is no part of a fragment */
    __u32 fragment_id;
    __u8 next;
    __u8 fragment;
    __u8 fragment_later; /* `next` is the first part's, and not here */
    __u8 fragment_next;
    __u8 failed;
    __u8 zero[3];
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
    NTC_BUFFER(header, 8);

    if (!walk)
        return 0;
    for (int i = 0; i < NTC_IPV6_HEADERS_MAX; i++) {
        __u8 next = walk->next;

        if (!ntc_is_extension(next) || walk->fragment_later)
            return 0;
        if ((walk->fragment && walk->offset + 8 > walk->end) ||
                ntc_load_bytes(ctx, walk->offset, header, 8) != 0) {
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
    NTC_BUFFER(buffer, 40);
    const __u8 *p = ntc_at(cursor, offset, buffer, 40);
    struct ntc_walk walk = {.offset = offset + 40};

    if (!p || p[0] >> 4 != 6)
        return NTC_PARSED_UNREADABLE;

    ntc_put_ipv6(packet, p + 8, p + 24);
    walk.end = offset + 40 + ntc_get16(p + 4);
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
    if (!walk.fragment_later && !walk.failed)
        ntc_parse_transport(cursor, walk.offset, walk.end, packet);
    return NTC_PARSED_IP;
}

/* `packet` must be zeroed. */
static __always_inline enum ntc_parsed ntc_parse_raw_ip(
        const struct ntc_cursor *cursor, struct ntc_packet *packet)
{
    NTC_BUFFER(buffer, 1);
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
    NTC_BUFFER(tag, 4);

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
    NTC_BUFFER(buffer, 2);
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
        if (ntc_is_vlan(ethertype)) {
            __u32 found = (__u32)ntc_skip_tags(cursor->ctx, offset);

            ethertype = (__u16)found;
            offset = found >> 16 & 0xff;
        }
    }
    if (ethertype == NTC_ETH_P_IP)
        return ntc_parse_ipv4(cursor, offset, packet);
    if (ethertype == NTC_ETH_P_IPV6)
        return ntc_parse_ipv6(cursor, offset, packet);
    return ntc_is_vlan(ethertype) ? NTC_PARSED_BURIED : NTC_PARSED_NONIP;
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
