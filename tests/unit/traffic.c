/* SPDX-License-Identifier: MIT */
#include "traffic.h"

#include "flow/keyed-hash.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

typedef struct Live {
    FlowSample sample; /* key first */
    UT_hash_handle hh;
} Live;

Address host(uint32_t n)
{
    return address_from_in((struct in_addr){htonl(0x0a000000U + n)});
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t draw(Traffic *t, uint64_t below)
{
    uint64_t z = (t->random += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (z ^ (z >> 31)) % below;
}

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    detect_add_delta(((Traffic *)userdata)->detect, delta, now_ns);
}

static void on_alert(const Alert *alert, void *userdata)
{
    Traffic *t = userdata;

    if (t->n_alerts < ALERTS_SEEN_MAX)
        t->alerts[t->n_alerts] = *alert;
    t->n_alerts++;
}

static bool is_exempt(const Address *source, void *userdata)
{
    return address_equal(source, &((Traffic *)userdata)->exempt);
}

Traffic *traffic_new_with(size_t capacity, void (*change)(DetectConfig *config))
{
    FlowTimeouts timeouts = {
            120 * NSEC_PER_SEC, 30 * NSEC_PER_SEC, 1800 * NSEC_PER_SEC, 2 * NSEC_PER_SEC};
    _cleanup_(config_freep) Config *config = config_new_default();
    Traffic *t = calloc(1, sizeof(*t));
    DetectObserver observer = {on_alert, is_exempt, t};

    t->now_ns = 1000 * NSEC_PER_SEC;
    t->config = config->detect;
    if (change)
        change(&t->config);
    cr_assert_eq(flow_table_new(capacity, &timeouts, on_delta, t, &t->table), 0);
    cr_assert_eq(detect_new(&t->config, t->table, &observer, &t->detect), 0);
    return t;
}

Traffic *traffic_new(void)
{
    return traffic_new_with(65536, NULL);
}

static void forget(Traffic *t, const FlowKey *key)
{
    Live *live;

    HASH_FIND(hh, t->flows, key, sizeof(*key), live);
    HASH_DEL(t->flows, live);
    free(live);
}

void traffic_free(Traffic *t)
{
    while (t->flows)
        forget(t, &t->flows->sample.key);
    detect_free(t->detect);
    flow_table_free(t->table);
    free(t);
}

/* --- packets */

void traffic_count(Traffic *t, const FlowKey *key, uint8_t flags, uint64_t packets, uint64_t bytes)
{
    Live *live;

    HASH_FIND(hh, t->flows, key, sizeof(*key), live);
    if (!live && HASH_COUNT(t->flows) >= flow_table_capacity(t->table))
        return; /* judged and counted, but in no flow */
    if (!live) {
        live = calloc(1, sizeof(*live));
        live->sample.key = *key;
        live->sample.first_seen_ns = t->now_ns;
        HASH_ADD(hh, t->flows, sample.key, sizeof(FlowKey), live);
    }
    live->sample.packets += packets;
    live->sample.bytes += bytes;
    live->sample.syn_packets += flags & SYN ? packets : 0;
    live->sample.ack_packets += flags & ACK ? packets : 0;
    live->sample.tcp_flags |= flags;
    live->sample.last_seen_ns = t->now_ns;
    live->sample.action = (uint8_t)t->action;
    t->packets += packets;
}

FlowKey flow_key(uint8_t protocol, Direction direction, uint32_t src, uint16_t sport, uint32_t dst,
        uint16_t dport)
{
    return (FlowKey){.src = host(src),
            .dst = host(dst),
            .sport = sport,
            .dport = dport,
            .ifindex = 3,
            .protocol = protocol,
            .direction = (uint8_t)direction};
}

FlowKey back_of(const FlowKey *key)
{
    FlowKey back = *key;

    back.src = key->dst;
    back.dst = key->src;
    back.sport = key->dport;
    back.dport = key->sport;
    back.direction = !key->direction;
    return back;
}

void udp(Traffic *t, const FlowKey *key, uint64_t packets)
{
    traffic_count(t, key, 0, packets, packets * 120);
}

void connection(Traffic *t, const FlowKey *key, uint64_t there, uint64_t back)
{
    FlowKey answer = back_of(key);

    traffic_count(t, key, SYN, 1, 74);
    traffic_count(t, &answer, SYN | ACK, 1, 74);
    traffic_count(t, key, ACK, there, there * 400);
    traffic_count(t, &answer, ACK, back, back * 1400);
    traffic_count(t, key, FIN | ACK, 1, 66);
    traffic_count(t, &answer, FIN | ACK, 1, 66);
}

/* --- time */

/* What the scanner does: read everything, end what is over or finds no room. */
static void scan(Traffic *t)
{
    size_t room[_FLOW_FAMILY_MAX] = {}, live = HASH_COUNT(t->flows),
           capacity = flow_table_capacity(t->table), n;
    _cleanup_free_ EndingFlow *ending = calloc(live + 1, sizeof(*ending));
    Live *next, *l;

    flow_table_scan_begin(t->table, t->now_ns);
    HASH_ITER(hh, t->flows, l, next)
        cr_assert_eq(flow_table_add(t->table, &l->sample, t->now_ns), 0);
    flow_table_scan_end(t->table, t->now_ns);
    if (live > capacity - capacity / 10)
        room[FLOW_IPV4] = room[FLOW_IPV6] = live - (capacity - capacity / 5);
    n = flow_table_collect_ended(t->table, t->now_ns, room, ending, live);
    for (size_t i = 0; i < n; i++) {
        HASH_FIND(hh, t->flows, &ending[i].key, sizeof(FlowKey), l);
        flow_table_end(t->table, &l->sample, ending[i].reason, t->now_ns);
        forget(t, &ending[i].key);
    }
    detect_tick(t->detect, t->now_ns);
}

void wait_ms(Traffic *t, uint64_t msec)
{
    t->now_ns += msec * NSEC_PER_MSEC;
}

void seconds(Traffic *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        wait_ms(t, 1000);
        scan(t);
    }
}
