/* SPDX-License-Identifier: MIT */
#pragma once

/* The vocabulary of packets: what can be said of one, and the words users see for it (they are the
 * label values of the metrics and the strings of the event stream: a contract). The numeric values
 * are those of bpf/abi.h; datapath/bpf.c asserts it. */

#include "base/address.h"

#include <stdint.h>

typedef enum Direction {
    DIRECTION_INGRESS,
    DIRECTION_EGRESS,
    _DIRECTION_MAX,
} Direction;

/* In order of precedence: SSH beats SKIP (whitelist) beats DROP (blacklist) beats PASS. */
typedef enum Action {
    ACTION_PASS,
    ACTION_DROP,
    ACTION_SKIP,
    ACTION_SSH,
    _ACTION_MAX,
} Action;

typedef enum ProtocolClass {
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_OTHER, /* any other IP protocol, and IP packets that can't be read */
    PROTOCOL_NONIP, /* ARP, LLDP, ... */
    _PROTOCOL_MAX,
} ProtocolClass;

enum { /* tcp[13], RFC 9293 section 3.1 */
    TCP_FLAG_FIN = 0x01,
    TCP_FLAG_SYN = 0x02,
    TCP_FLAG_RST = 0x04,
    TCP_FLAG_PSH = 0x08,
    TCP_FLAG_ACK = 0x10,
    TCP_FLAG_URG = 0x20,
};

typedef enum ListId {
    LIST_BLACKLIST,
    LIST_WHITELIST,
    _LIST_MAX,
} ListId;

/* One packet of the event plane, which is best effort: see datapath.h. */
typedef struct PacketEvent {
    uint64_t time_ns; /* monotonic */
    Address src;
    Address dst;
    uint16_t sport; /* host order */
    uint16_t dport;
    uint32_t ifindex;
    uint32_t length_bytes; /* as counted: of all segments */
    uint32_t packets;      /* segments of a GSO/GRO packet; 1 otherwise */
    uint8_t protocol;      /* IANA number */
    uint8_t direction;     /* Direction */
    uint8_t action;        /* Action */
    uint8_t tcp_flags;
} PacketEvent;

const char *list_name(ListId list);                   /* blacklist, whitelist */
const char *direction_name(Direction direction);      /* INGRESS, EGRESS */
const char *action_name(Action action);               /* PASS, DROP, SKIP, SSH */
const char *protocol_class_name(ProtocolClass class); /* TCP, UDP, ICMP, ICMPv6, OTHER, NONIP */
ProtocolClass protocol_class_of(uint8_t ip_protocol); /* an IANA protocol number */
/* -EINVAL for a word that is none of the above; case is ignored. */
int direction_from_name(const char *name, Direction *ret);
int action_from_name(const char *name, Action *ret);
int protocol_class_from_name(const char *name, ProtocolClass *ret);

#define TCP_FLAGS_TEXT_MAX 10
/* "SA" for SYN+ACK, in the order FSRPAU; "" for none. */
const char *tcp_flags_format(uint8_t flags, char buffer[static TCP_FLAGS_TEXT_MAX]);
