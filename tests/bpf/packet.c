/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool packet_address(const char *text, uint8_t ret[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (inet_pton(AF_INET, text, ret + 12) == 1) {
        memcpy(ret, mapped, 12);
        return true;
    }
    if (inet_pton(AF_INET6, text, ret) == 1)
        return false;
    fprintf(stderr, "not an address: %s\n", text);
    abort();
}

static const char *src_of(const PacketSpec *spec)
{
    return spec->src ? spec->src : "10.0.0.1";
}

static const char *dst_of(const PacketSpec *spec)
{
    return spec->dst ? spec->dst : "10.0.0.2";
}

static uint8_t protocol_of(const PacketSpec *spec)
{
    return spec->protocol ? spec->protocol : TCP;
}

static bool has_ports(uint8_t protocol)
{
    return protocol == TCP || protocol == UDP || protocol == SCTP;
}

static uint16_t sport_of(const PacketSpec *spec)
{
    return spec->sport ? spec->sport : 4000;
}

static uint16_t dport_of(const PacketSpec *spec)
{
    return spec->dport ? spec->dport : 80;
}

static uint8_t *add(Packet *p, size_t size)
{
    uint8_t *at = p->data + p->size;

    if (p->size + size > sizeof(p->data)) {
        fprintf(stderr, "packet too big\n");
        abort();
    }
    memset(at, 0, size);
    p->size += size;
    return at;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static void add_link(Packet *p, const PacketSpec *spec, bool ipv4)
{
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};

    memcpy(add(p, 12), addresses, 12);
    for (size_t i = 0; i < sizeof(spec->vlans) / sizeof(spec->vlans[0]) && spec->vlans[i]; i++) {
        uint8_t *tag = add(p, 4);

        put16(tag, spec->vlans[i]);
        put16(tag + 2, 100 + (unsigned)i);
    }
    put16(add(p, 2), spec->ethertype ? spec->ethertype : ipv4 ? 0x0800 : 0x86dd);
}

static void add_ipv4(
        Packet *p, const PacketSpec *spec, const uint8_t src[16], const uint8_t dst[16])
{
    uint8_t ihl = spec->ihl ? spec->ihl : 5;
    uint8_t *ip = add(p, 20);

    ip[0] = (uint8_t)(0x40 | ihl);
    put16(ip + 4, spec->fragment_id);
    put16(ip + 6, (spec->more_fragments ? 0x2000u : 0u) | spec->fragment_offset);
    ip[8] = 64;
    ip[9] = protocol_of(spec);
    memcpy(ip + 12, src + 12, 4);
    memcpy(ip + 16, dst + 12, 4);
    p->addresses_end = p->size;
    if (ihl > 5)
        memset(add(p, (ihl - 5u) * 4), 1, (ihl - 5u) * 4); /* no-operation options */
    put16(ip + 2, (unsigned)(ihl * 4 + 20 + spec->payload_bytes));
}

/* RFC 8200 section 4; AH: RFC 4302 section 2.2 (length in words of 4 bytes, minus 2). */
static void add_extension(Packet *p, const PacketSpec *spec, uint8_t type, uint8_t next)
{
    size_t words = type == FRAGMENT ? 1 : 1u + spec->header_words;
    uint8_t *header = add(p, words * 8);

    header[0] = next;
    if (type == FRAGMENT) {
        put16(header + 2, (unsigned)spec->fragment_offset << 3 | spec->more_fragments);
        put32(header + 4, spec->fragment_id);
    } else {
        header[1] = (uint8_t)(type == AH ? words * 2 - 2 : words - 1);
    }
}

static void add_ipv6(
        Packet *p, const PacketSpec *spec, const uint8_t src[16], const uint8_t dst[16])
{
    uint8_t *ip = add(p, 40);

    ip[0] = 0x60;
    ip[6] = spec->n_headers ? spec->headers[0] : protocol_of(spec);
    ip[7] = 64;
    memcpy(ip + 8, src, 16);
    memcpy(ip + 24, dst, 16);
    p->addresses_end = p->size;
    for (unsigned i = 0; i < spec->n_headers; i++)
        add_extension(p, spec, spec->headers[i],
                i + 1u < spec->n_headers ? spec->headers[i + 1] : protocol_of(spec));
    put16(ip + 4, (unsigned)(p->size - p->addresses_end + 20 + spec->payload_bytes));
}

static void add_transport(Packet *p, const PacketSpec *spec)
{
    uint8_t protocol = protocol_of(spec);
    uint8_t words = spec->tcp_words ? spec->tcp_words : 5;
    size_t size = protocol == TCP ? words * 4u : protocol == SCTP ? 12 : 8;
    uint8_t *header;

    p->transport = p->size;
    header = add(p, size);
    if (has_ports(protocol)) {
        put16(header, sport_of(spec));
        put16(header + 2, dport_of(spec));
    } else {
        header[0] = 8; /* echo request */
    }
    if (protocol == TCP) {
        header[12] = (uint8_t)(words << 4);
        header[13] = spec->flags ? spec->flags : ACK;
    }
    p->payload = p->size;
}

void packet_build(Packet *ret, const PacketSpec *spec)
{
    uint8_t src[16], dst[16];
    bool ipv4 = packet_address(src_of(spec), src);

    packet_address(dst_of(spec), dst);
    memset(ret, 0, sizeof(*ret));
    if (!spec->raw_ip)
        add_link(ret, spec, ipv4);
    if (ipv4)
        add_ipv4(ret, spec, src, dst);
    else
        add_ipv6(ret, spec, src, dst);
    if (spec->fragment_offset) {
        /* In a later fragment these bytes are payload, and must never be taken for ports. */
        ret->transport = ret->payload = ret->size;
        memset(add(ret, 24), 0, 24);
        put16(ret->data + ret->transport + 2, 22);
    } else {
        add_transport(ret, spec);
    }
    memset(add(ret, spec->payload_bytes), 'x', spec->payload_bytes);
    if (spec->transport_cut)
        ret->size = ret->transport + spec->transport_cut;
}

struct ntc_flow_key packet_key(
        const PacketSpec *spec, enum ntc_direction direction, uint32_t ifindex)
{
    uint8_t protocol = protocol_of(spec);
    struct ntc_flow_key key = {
            .ifindex = ifindex,
            .protocol = protocol,
            .direction = (uint8_t)direction,
    };

    packet_address(src_of(spec), key.src);
    packet_address(dst_of(spec), key.dst);
    if (has_ports(protocol)) {
        key.sport = sport_of(spec);
        key.dport = dport_of(spec);
    }
    return key;
}
