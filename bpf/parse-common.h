/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#pragma once

/* What most packets are, read in the fewest steps: no tags, options, extension headers or
 * fragments, TCP or UDP, and all headers in the linear part. Where these return 1, the packet is
 * what parse.h would have made of it; where 0, it is as it was. */

#include "packet-bytes.h"

static __always_inline int ntc_common_transport(
        const struct ntc_cursor *cursor, __u32 offset, __u8 protocol, struct ntc_packet *packet)
{
    const __u8 *p = (const __u8 *)cursor->data + offset;

    if (protocol == NTC_IPPROTO_TCP) {
        if ((const void *)(p + 14) > cursor->data_end)
            return 0;
        packet->tcp_flags = p[13];
        packet->have_flags = 1;
        packet->header_bytes = offset + (p[12] >> 4) * 4;
    } else if (protocol == NTC_IPPROTO_UDP && (const void *)(p + 8) <= cursor->data_end) {
        packet->header_bytes = offset + 8;
    } else {
        return 0;
    }
    packet->have_ports = 1;
    ntc_put_protocol(&packet->key, protocol);
    ntc_put_ports(&packet->key, ntc_get16(p), ntc_get16(p + 2));
    return 1;
}

static __always_inline int ntc_common_ipv4(
        const struct ntc_cursor *cursor, struct ntc_packet *packet)
{
    const __u8 *p = (const __u8 *)cursor->data + NTC_ETH_HLEN;

    if ((const void *)(p + 20) > cursor->data_end || p[0] != 0x45 || (ntc_get16(p + 6) & 0x3fff) ||
            !ntc_common_transport(cursor, NTC_ETH_HLEN + 20, p[9], packet))
        return 0;
    ntc_put_ipv4(packet, p + 12, p + 16);
    return 1;
}

static __always_inline int ntc_common_ipv6(
        const struct ntc_cursor *cursor, struct ntc_packet *packet)
{
    const __u8 *p = (const __u8 *)cursor->data + NTC_ETH_HLEN;

    if ((const void *)(p + 40) > cursor->data_end || p[0] >> 4 != 6 ||
            !ntc_common_transport(cursor, NTC_ETH_HLEN + 40, p[6], packet))
        return 0;
    ntc_put_ipv6(packet, p + 8, p + 24);
    return 1;
}

static __always_inline int ntc_parse_common(
        const struct ntc_cursor *cursor, struct ntc_packet *packet)
{
    const __u8 *p = cursor->data;

    if ((const void *)(p + NTC_ETH_HLEN) > cursor->data_end)
        return 0;
    switch (ntc_get16(p + 12)) {
    case NTC_ETH_P_IP:
        return ntc_common_ipv4(cursor, packet);
    case NTC_ETH_P_IPV6:
        return ntc_common_ipv6(cursor, packet);
    default:
        return 0;
    }
}
