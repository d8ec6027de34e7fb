/* SPDX-License-Identifier: MIT */
/* Generated traffic of the ordinary kind, with config.yaml's thresholds: not one alert. Of whatever
 * comes near a threshold the bound that docs/detection.md promises is tried too. */

#include "traffic.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define DAY_SEC  86400U
#define LATE_MAX 8192U

enum { ME = 1, ROUTER = 2, LAN = 0x100, INTERNET = 0x10000 };

/* Answers that come in the second after. */
typedef struct Late {
    FlowKey keys[LATE_MAX];
    unsigned n;
} Late;

static uint16_t high_port(Traffic *t)
{
    return (uint16_t)(32768 + draw(t, 28000));
}

static bool one_in(Traffic *t, uint64_t n)
{
    return draw(t, n) == 0;
}

static void answer(Traffic *t, const FlowKey *question)
{
    FlowKey back = back_of(question);

    udp(t, &back, 1);
}

static void answer_late(Traffic *t, Late *late)
{
    for (unsigned i = 0; i < late->n; i++)
        answer(t, &late->keys[i]);
    late->n = 0;
}

static void silent(Traffic *t, uint64_t packets)
{
    cr_assert_eq(t->n_alerts, 0, "%u alerts: %s", t->n_alerts, t->alerts[0].message);
    cr_assert_eq(detect_suppressed(t->detect), 0);
    cr_assert_gt(
            t->packets, packets, "the generator is idle: %llu", (unsigned long long)t->packets);
    traffic_free(t);
}

/* --- names */

/* A question to an authoritative server: one in five answers is slow, one in twelve never comes. */
static void ask_server(Traffic *t, Direction direction, uint32_t resolver, Late *late)
{
    FlowKey key = flow_key(
            IPPROTO_UDP, direction, resolver, high_port(t), INTERNET + (uint32_t)draw(t, 3000), 53);

    udp(t, &key, 1);
    if (one_in(t, 12))
        return;
    if (one_in(t, 5) && late->n < LATE_MAX)
        late->keys[late->n++] = key;
    else
        answer(t, &key);
    if (one_in(t, 50)) { /* too long for a datagram */
        FlowKey tcp = key;

        tcp.protocol = IPPROTO_TCP;
        connection(t, &tcp, 3, 4);
    }
}

static void ask_resolver(Traffic *t, uint32_t client)
{
    FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_INGRESS, client, high_port(t), ME, 53);

    udp(t, &key, 1);
    answer(t, &key);
}

/* Quiet at night, and now and then everybody at once. */
static unsigned questions(Traffic *t, unsigned second)
{
    unsigned hour = second / 3600;

    if (one_in(t, 900))
        return 60;
    if (hour < 7)
        return one_in(t, 6);
    return (unsigned)draw(t, 4);
}

Test(traffic, a_resolver_s_day, .timeout = 110)
{
    Traffic *t = traffic_new();
    Late *late = calloc(1, sizeof(*late));

    for (unsigned second = 0; second < DAY_SEC; second++) {
        answer_late(t, late);
        for (unsigned n = questions(t, second); n > 0; n--) {
            ask_resolver(t, LAN + (uint32_t)draw(t, 20));
            ask_server(t, DIRECTION_EGRESS, ME, late);
            if (one_in(t, 2))
                ask_server(t, DIRECTION_EGRESS, ME, late);
        }
        seconds(t, 1);
    }
    free(late);
    silent(t, 300000);
}

/* The same behind us, as a router sees it, and busier than a home's. */
Test(traffic, a_busy_resolver_behind_a_router)
{
    Traffic *t = traffic_new();
    Late *late = calloc(1, sizeof(*late));

    for (unsigned second = 0; second < 180; second++) {
        answer_late(t, late);
        for (unsigned n = 0; n < 60; n++)
            ask_server(t, DIRECTION_INGRESS, LAN, late);
        seconds(t, 1);
    }
    free(late);
    silent(t, 20000);
}

/* Our upstream's answers go to another port of ours each, and one in ten questions left unseen, by
 * another interface. */
Test(traffic, answers_to_what_was_not_seen)
{
    Traffic *t = traffic_new();

    for (unsigned second = 0; second < 600; second++) {
        for (unsigned n = 0; n < 20; n++) {
            FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_EGRESS, ME, high_port(t), ROUTER, 53);

            if (!one_in(t, 10))
                udp(t, &key, 1);
            answer(t, &key);
        }
        seconds(t, 1);
    }
    silent(t, 20000);
}

/* --- peer to peer */

static uint16_t peer_port(Traffic *t)
{
    return one_in(t, 10) ? 6881 : (uint16_t)(1024 + draw(t, 64000));
}

/* Most peers of a swarm are gone, or behind a router. */
static void try_peer(Traffic *t)
{
    FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_EGRESS, ME, high_port(t),
            INTERNET + (uint32_t)draw(t, 1 << 20), peer_port(t));
    FlowKey back = back_of(&key);

    if (draw(t, 10) < 4) {
        connection(t, &key, 40, 60);
    } else {
        traffic_count(t, &key, SYN, 1, 74);
        if (one_in(t, 3))
            traffic_count(t, &back, RST | ACK, 1, 54);
    }
}

static void try_node(Traffic *t)
{
    FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_EGRESS, ME, 6881,
            INTERNET + (uint32_t)draw(t, 1 << 20), peer_port(t));

    udp(t, &key, 1);
    if (one_in(t, 2))
        answer(t, &key);
}

/* Others still know our port when our program doesn't listen any more. */
static void be_tried(Traffic *t, bool open)
{
    uint32_t peer = INTERNET + (uint32_t)draw(t, 1 << 20);
    FlowKey tcp = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, peer, high_port(t), ME, 6881);
    FlowKey datagram = flow_key(IPPROTO_UDP, DIRECTION_INGRESS, peer, peer_port(t), ME, 6881);
    FlowKey back = back_of(&tcp);

    udp(t, &datagram, 1);
    if (open) {
        answer(t, &datagram);
        connection(t, &tcp, 30, 200);
    } else {
        traffic_count(t, &tcp, SYN, 1, 74);
        traffic_count(t, &back, RST | ACK, 1, 54);
    }
}

/* In two seconds 10 connections, 20 datagrams, 10 visitors: as busy as the usual programs get. */
Test(traffic, an_hour_in_a_swarm, .timeout = 110)
{
    Traffic *t = traffic_new();

    for (unsigned second = 0; second < 3600; second += 2) {
        for (unsigned n = 0; n < 10; n++) {
            try_peer(t);
            try_node(t);
            try_node(t);
            be_tried(t, second < 1800);
        }
        wait_ms(t, 1000);
        seconds(t, 1);
    }
    silent(t, 1000000);
}

static void fail_to_reach(Traffic *t, uint32_t host, uint16_t port)
{
    FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_EGRESS, ME, high_port(t), INTERNET + host, port);

    traffic_count(t, &key, SYN, 1, 74);
}

/* What docs/detection.md says of fan-outs: below a hundred hosts a minute on one port. */
Test(traffic, the_bound_on_fan_outs)
{
    Traffic *t = traffic_new();

    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 90; i++)
            fail_to_reach(t, round * 1000 + i, 443);
        seconds(t, 61);
    }
    cr_assert_eq(t->n_alerts, 0);
    for (uint32_t i = 0; i < 110; i++)
        fail_to_reach(t, i, 443);
    seconds(t, 4);
    cr_assert_eq(t->n_alerts, 1);
    cr_assert_eq(t->alerts[0].kind, ALERT_HOST_SWEEP);
    traffic_free(t);
}

/* --- bulk */

static void lowest(DetectConfig *config)
{
    config->scan_ports = config->sweep_hosts = 2;
    config->syn_flood_per_sec = config->volume_per_sec = 1;
}

/* Answered traffic is silent whatever the thresholds. */
Test(traffic, speed_tests_and_downloads)
{
    Traffic *t = traffic_new_with(65536, lowest);

    for (uint16_t second = 0; second < 120; second++) {
        for (uint16_t i = 0; i < 50; i++) { /* each second fifty downloads from fifty hosts */
            FlowKey key = flow_key(
                    IPPROTO_TCP, DIRECTION_EGRESS, ME, 1024 + second * 50 + i, INTERNET + i, 443);

            connection(t, &key, 500, 1000);
        }
        FlowKey test = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, LAN, 40000, ME, 5201);
        FlowKey call = flow_key(IPPROTO_UDP, DIRECTION_EGRESS, ME, 50000, INTERNET, 3478);
        FlowKey back = back_of(&test), call_back = back_of(&call);
        traffic_count(t, &test, second ? ACK : SYN | ACK, 800000, 1200000000);
        traffic_count(t, &back, ACK, 20000, 1300000);
        udp(t, &call, 9000);
        udp(t, &call_back, 9000);
        seconds(t, 1);
    }
    silent(t, 90000000);
}

/* --- a home */

/* A page: connections to a dozen hosts, over IPv6 first, which is broken here. */
static void visit_page(Traffic *t, uint32_t client)
{
    for (unsigned i = 0; i < 12; i++) {
        uint32_t server = INTERNET + (uint32_t)draw(t, 4000);
        FlowKey v4 = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, client, high_port(t), server, 443);
        FlowKey v6 = v4, quic = v4;

        v6.src.bytes[0] = v6.dst.bytes[0] = 0x20;
        quic.protocol = IPPROTO_UDP;
        if (i < 5)
            traffic_count(t, &v6, SYN, 1, 94);
        connection(t, &v4, 20, 60);
        if (one_in(t, 3)) {
            udp(t, &quic, 20);
            answer(t, &quic);
        }
    }
}

/* Announcements that nobody answers. */
static void announce(Traffic *t, uint32_t client)
{
    static const uint16_t ports[] = {5353, 1900, 3702, 27036, 137, 138, 57621};
    uint16_t port = ports[draw(t, ELEMENTSOF(ports))];
    FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_INGRESS, client, port, 0xffffff, port);

    udp(t, &key, 1);
}

/* The Internet's noise: each tries a few ports, and is gone. */
static void noise(Traffic *t)
{
    uint32_t source = INTERNET + (uint32_t)draw(t, 1 << 22);

    for (uint64_t n = draw(t, 8); n > 0; n--) {
        FlowKey key = flow_key(one_in(t, 4) ? IPPROTO_UDP : IPPROTO_TCP, DIRECTION_INGRESS, source,
                high_port(t), ME, (uint16_t)(1 + draw(t, 65535)));

        traffic_count(t, &key, key.protocol == IPPROTO_TCP ? SYN : 0, 1, 60);
    }
}

static void trace_route(Traffic *t, Direction direction, uint32_t from)
{
    uint32_t to = INTERNET + (uint32_t)draw(t, 4000);

    for (uint16_t i = 0; i < 90; i++) {
        FlowKey key = flow_key(IPPROTO_UDP, direction, from, 45000 + i, to, 33434 + i);

        udp(t, &key, 1);
    }
}

/* The line is down: everything is tried again and again, as far as names are still known. */
static void outage(Traffic *t, uint32_t client)
{
    FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, client, high_port(t),
            INTERNET + (uint32_t)draw(t, 60), 443);

    traffic_count(t, &key, SYN, 2, 148);
}

/* A camera that sends without being answered, 100 packets a second. */
static void camera(Traffic *t)
{
    FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_INGRESS, LAN + 99, 20000, ME, 20000);

    udp(t, &key, 100);
}

static void home_second(Traffic *t, unsigned second)
{
    bool night = second < 7 * 3600, down = second / 600 == 100;
    uint32_t client = LAN + (uint32_t)draw(t, 8);

    camera(t);
    if (one_in(t, 4))
        announce(t, client);
    if (one_in(t, 20))
        noise(t);
    if (down)
        for (unsigned i = 0; i < 4; i++)
            outage(t, LAN + (uint32_t)draw(t, 8));
    else if (one_in(t, night ? 300 : 15))
        visit_page(t, client);
    if (one_in(t, 3600)) {
        trace_route(t, DIRECTION_EGRESS, ME);
        trace_route(t, DIRECTION_INGRESS, client);
    }
}

Test(traffic, a_home_s_day, .timeout = 110)
{
    Traffic *t = traffic_new();

    for (unsigned second = 0; second < DAY_SEC; second++) {
        home_second(t, second);
        seconds(t, 1);
    }
    silent(t, 8000000);
}
