/* SPDX-License-Identifier: MIT */
#pragma once

/* Builds frames from a description, written independently of bpf/parse.h from the RFCs, so that a
 * misreading there does not hide here. Checksums are not filled in: nothing under test reads them.
 */

#include "abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FIN = 0x01,
    SYN = 0x02,
    RST = 0x04,
    ACK = 0x10,
    SYN_ACK = 0x12,

    TCP = 6,
    UDP = 17,
    ICMP = 1,
    ICMPV6 = 58,
    SCTP = 132,
    GRE = 47,

    HOPOPTS = 0,
    ROUTING = 43,
    FRAGMENT = 44,
    ESP = 50,
    AH = 51,
    NO_NEXT = 59,
    DSTOPTS = 60,
    MOBILITY = 135,
    HIP = 139,
    SHIM6 = 140,
};

#define PACKET_BYTES_MAX 3500 /* what BPF_PROG_TEST_RUN takes in one page */

typedef struct PacketSpec {
    const char *src, *dst; /* IPv4 or IPv6; both of one family; NULL = 10.0.0.1, 10.0.0.2 */
    uint8_t protocol;      /* 0 = TCP */
    uint16_t sport, dport; /* 0 = 4000 and 80 where the protocol has ports */
    uint8_t flags;         /* TCP; 0 = ACK */
    bool raw_ip;           /* without a link header */
    uint16_t ethertype;    /* 0 = by the family */
    uint16_t vlans[16];    /* tag protocol ids, outermost first, 0 ends */
    uint8_t ihl;           /* IPv4, in words; 0 = 5 */
    uint8_t headers[32];   /* IPv6 extension headers, first to last */
    uint8_t n_headers;
    uint8_t header_words; /* extra 8-byte words of each extension header */
    bool more_fragments;
    uint16_t fragment_offset; /* in units of 8 bytes */
    uint32_t fragment_id;
    uint8_t tcp_words; /* TCP data offset; 0 = 5 */
    /* Bytes after the network header: NO_PAYLOAD..., or a count that cuts the transport header. */
    uint16_t payload_bytes; /* after the transport header */
    uint16_t transport_cut; /* keep only so many bytes after the network header; 0 = all */
} PacketSpec;

typedef struct Packet {
    uint8_t data[PACKET_BYTES_MAX];
    size_t size;
    size_t addresses_end; /* the fixed IP header's end: from here on the lists can decide */
    size_t transport;     /* offset of the transport header */
    size_t payload;       /* offset after it: what GSO repeats in each segment */
} Packet;

void packet_build(Packet *ret, const PacketSpec *spec);

/* The flow key this packet must get. Ports are those of the spec, as for a first fragment. */
struct ntc_flow_key packet_key(
        const PacketSpec *spec, enum ntc_direction direction, uint32_t ifindex);

/* 16 bytes in network order, IPv4 mapped. Aborts on nonsense: specs are constants. Returns whether
 * it is IPv4. */
bool packet_address(const char *text, uint8_t ret[16]);
