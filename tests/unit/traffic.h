/* SPDX-License-Identifier: MIT */
#pragma once

/* A small world of traffic for tests of detection: packets go into flows as the datapath would keep
 * them, and once a simulated second the real flow table reads them and detection judges. Time is a
 * number; a day takes seconds. */

#include "base/clock.h"
#include "detect/detect.h"

#define ALERTS_SEEN_MAX 256

enum { SYN = TCP_FLAG_SYN, ACK = TCP_FLAG_ACK, RST = TCP_FLAG_RST, FIN = TCP_FLAG_FIN };

typedef struct Traffic {
    uint64_t now_ns;
    uint64_t random;
    struct Live *flows;
    FlowTable *table;
    Detect *detect;
    DetectConfig config;
    Address exempt; /* the whitelist, all of it */
    Action action;  /* of packets to come */
    Alert alerts[ALERTS_SEEN_MAX];
    unsigned n_alerts;
    uint64_t packets;
} Traffic;

Address host(uint32_t n);
/* The same numbers each time. */
uint64_t draw(Traffic *t, uint64_t below);
/* With config.yaml's defaults; `change` may be NULL. */
Traffic *traffic_new_with(size_t capacity, void (*change)(DetectConfig *config));
Traffic *traffic_new(void);
void traffic_free(Traffic *t);

/* --- packets */

void traffic_count(Traffic *t, const FlowKey *key, uint8_t flags, uint64_t packets, uint64_t bytes);
FlowKey flow_key(uint8_t protocol, Direction direction, uint32_t src, uint16_t sport, uint32_t dst,
        uint16_t dport);
FlowKey back_of(const FlowKey *key);
void udp(Traffic *t, const FlowKey *key, uint64_t packets);
/* A whole connection with so many packets each way. */
void connection(Traffic *t, const FlowKey *key, uint64_t there, uint64_t back);

/* --- time */

void wait_ms(Traffic *t, uint64_t msec);
/* So many seconds go by, with a scan in each. */
void seconds(Traffic *t, unsigned n);
