/* SPDX-License-Identifier: MIT */
/* Whether something was answered can't be said when it is first seen: the answer may be on its way,
 * or come later in the same scan. So an attempt waits, and is judged by what the flow table knows
 * then. When more wait than there is room for, the oldest is judged early: in a flood it hardly
 * makes a difference, and nothing is lost. */

#include "detect/detect-internal.h"

#include "base/clock.h"

#include <netinet/in.h>

#define ANSWER_NS       (800 * NSEC_PER_MSEC) /* an answer may take that long */
#define SKETCHES        32U   /* of each kind, 16 kB each: for more than 64 values */
#define SERVICE_PORTS   1024U /* below it somebody serves */
#define TRACEROUTE_PORT 33434U
#define TRACEROUTE_HOPS 100U

static void set_up_tables(Detect *detect)
{
    uint64_t window_ns = detect->config.window_sec * NSEC_PER_SEC;

    for (int kind = 0; kind < _ALERT_KIND_MAX; kind++) {
        bool rate = kind == ALERT_SYN_FLOOD || kind == ALERT_VOLUME;

        detect->tables[kind] = (TrackTable){.max = detect->config.tracked_max,
                .bucket_ns = (rate ? RATE_WINDOW_SEC * NSEC_PER_SEC : window_ns) / WINDOW_BUCKETS,
                .sketch_budget = SKETCHES,
                .lost = detect->tables[kind].lost};
    }
    /* Idle is what wasn't touched for eleven whole buckets. */
    detect->told = (TrackTable){.max = detect->config.tracked_max,
            .bucket_ns = detect->config.cooldown_sec * NSEC_PER_SEC / (WINDOW_BUCKETS - 1)};
}

static void clear_tables(Detect *detect)
{
    for (int kind = 0; kind < _ALERT_KIND_MAX; kind++)
        track_done(&detect->tables[kind]);
    track_done(&detect->told);
}

int detect_new(const DetectConfig *config, const FlowTable *flows, const DetectObserver *observer,
        Detect **ret)
{
    _cleanup_(detect_freep) Detect *detect = calloc(1, sizeof(*detect));

    if (!detect || attempt_queue_init(&detect->waiting) < 0)
        return -ENOMEM;
    detect->config = *config;
    detect->flows = flows;
    detect->observer = *observer;
    set_up_tables(detect);
    *ret = TAKE_PTR(detect);
    return 0;
}

Detect *detect_free(Detect *detect)
{
    if (!detect)
        return NULL;
    clear_tables(detect);
    attempt_queue_done(&detect->waiting);
    free(detect);
    return NULL;
}

void detect_reload(Detect *detect, const DetectConfig *config)
{
    clear_tables(detect);
    detect->config = *config;
    set_up_tables(detect);
}

uint64_t detect_lost(const Detect *detect)
{
    uint64_t lost = 0;

    for (int kind = 0; kind < _ALERT_KIND_MAX; kind++)
        lost += detect->tables[kind].lost;
    return lost;
}

uint64_t detect_suppressed(const Detect *detect)
{
    return detect->suppressed;
}

/* --- what came to nothing */

static bool has_reverse(const Detect *detect, const FlowKey *key)
{
    FlowKey back = {.src = key->dst,
            .dst = key->src,
            .sport = key->dport,
            .dport = key->sport,
            .ifindex = key->ifindex,
            .protocol = key->protocol,
            .direction =
                    key->direction == DIRECTION_INGRESS ? DIRECTION_EGRESS : DIRECTION_INGRESS};

    return flow_table_get(detect->flows, &back) != NULL;
}

/* Who gets a connection acknowledges it; to be refused is not to be answered. A TCP flow that is
 * gone by now was the first to go when room was needed: nothing but SYNs. */
static bool is_answered(const Detect *detect, const FlowKey *key)
{
    const Flow *flow;

    if (key->protocol != IPPROTO_TCP)
        return has_reverse(detect, key);
    flow = flow_table_get(detect->flows, key);
    return flow && flow->sample.tcp_flags & TCP_FLAG_ACK;
}

/* UDP from a service to a high port is the shape of an answer, whose question may have left by
 * another interface. Traceroute tries ports for the sake of the way, not of the ports. */
static bool is_probe(const FlowKey *key)
{
    if (key->dport == 0)
        return false;
    if (key->protocol != IPPROTO_UDP)
        return key->protocol == IPPROTO_TCP;
    return (key->sport >= SERVICE_PORTS || key->dport < SERVICE_PORTS) &&
           key->dport - TRACEROUTE_PORT > TRACEROUTE_HOPS;
}

/* 16 bits of a keyed hash: a hundred addresses are told apart, and of thousands the count is right
 * to a few percent. */
static uint16_t address_value(const Address *address)
{
    return (uint16_t)keyed_hash(address, sizeof(*address));
}

static void note(Detect *detect, AlertKind kind, const TrackKey *key, const Attempt *attempt,
        uint16_t value, uint64_t now_ns)
{
    TrackTable *table = &detect->tables[kind];
    WindowSums added = {.packets = attempt->packets, .syn_packets = attempt->syn_packets};
    Track *track = track_touch(table, key, now_ns);

    if (!track)
        return;
    track->ifindex = attempt->key.ifindex;
    track_add(table, track, &added, now_ns);
    track_add_value(table, track, value, now_ns);
}

static TrackKey sink_of(const FlowKey *key)
{
    return (TrackKey){.who = key->dst, .port = key->dport, .protocol = key->protocol};
}

static void note_failed(Detect *detect, const Attempt *attempt, uint64_t now_ns)
{
    const FlowKey *key = &attempt->key;
    TrackKey source = {.who = key->src};
    TrackKey pair = {.who = key->src, .other = key->dst, .protocol = key->protocol};
    TrackKey service = {.who = key->src, .port = key->dport, .protocol = key->protocol};
    TrackKey sink = sink_of(key);

    if (detect->config.volume_per_sec > 0)
        note(detect, ALERT_VOLUME, &source, attempt, key->dport, now_ns);
    if (detect->config.syn_flood_per_sec > 0 && attempt->syn_packets > 0)
        note(detect, ALERT_SYN_FLOOD, &sink, attempt, address_value(&key->src), now_ns);
    if (!is_probe(key))
        return;
    if (detect->config.scan_ports > 0)
        note(detect, ALERT_PORT_SCAN, &pair, attempt, key->dport, now_ns);
    /* Over UDP resolvers, peer-to-peer and calls all ask many who never answer. */
    if (detect->config.sweep_hosts > 0 && key->protocol == IPPROTO_TCP)
        note(detect, ALERT_HOST_SWEEP, &service, attempt, address_value(&key->dst), now_ns);
}

/* Only where SYNs failed is it of interest how many didn't. */
static void note_connected(
        Detect *detect, const FlowKey *key, uint64_t syn_packets, uint64_t now_ns)
{
    TrackTable *table = &detect->tables[ALERT_SYN_FLOOD];
    TrackKey sink = sink_of(key);
    WindowSums added = {.ack_packets = (uint32_t)MIN_OF(syn_packets, (uint64_t)UINT32_MAX)};
    Track *track = syn_packets > 0 ? track_find(table, &sink) : NULL;

    if (track)
        track_add(table, track, &added, now_ns);
}

static void judge(Detect *detect, const Attempt *attempt, uint64_t now_ns)
{
    if (!is_answered(detect, &attempt->key))
        note_failed(detect, attempt, now_ns);
    else if (attempt->key.protocol == IPPROTO_TCP)
        note_connected(detect, &attempt->key, attempt->syn_packets, now_ns);
}

/* --- in */

/* A TCP flow of mere RSTs is somebody's answer to what wasn't asked. */
static bool may_fail(const Detect *detect, const FlowDelta *delta)
{
    if (delta->action == ACTION_DROP)
        return false;
    if (delta->key->protocol == IPPROTO_TCP)
        return !(delta->tcp_flags & TCP_FLAG_ACK) && delta->tcp_flags != TCP_FLAG_RST;
    return !has_reverse(detect, delta->key);
}

/* Some packets without ACK, and a SYN: it began the connection. */
static bool has_connected(const FlowDelta *delta)
{
    return delta->key->protocol == IPPROTO_TCP && delta->action != ACTION_DROP &&
           delta->tcp_flags & TCP_FLAG_ACK && delta->syn_packets > 0 &&
           delta->ack_packets < delta->packets;
}

void detect_add_delta(Detect *detect, const FlowDelta *delta, uint64_t now_ns)
{
    Attempt attempt, early;

    if (has_connected(delta))
        note_connected(detect, delta->key, delta->syn_packets, now_ns);
    if (!may_fail(detect, delta))
        return;
    if (attempt_queue_is_full(&detect->waiting) &&
            attempt_queue_pop(&detect->waiting, UINT64_MAX, &early))
        judge(detect, &early, now_ns);
    attempt = (Attempt){.key = *delta->key,
            .packets = (uint32_t)MIN_OF(delta->packets, (uint64_t)UINT32_MAX),
            .syn_packets = (uint32_t)MIN_OF(delta->syn_packets, (uint64_t)UINT32_MAX),
            .seen_ns = now_ns};
    attempt_queue_push(&detect->waiting, &attempt);
}

void detect_tick(Detect *detect, uint64_t now_ns)
{
    Attempt attempt;

    while (now_ns >= ANSWER_NS && attempt_queue_pop(&detect->waiting, now_ns - ANSWER_NS, &attempt))
        judge(detect, &attempt, now_ns);
    findings_tell(detect, now_ns);
    detect->last_tick_ns = now_ns;
}
