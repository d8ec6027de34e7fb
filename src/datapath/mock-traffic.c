/* SPDX-License-Identifier: MIT */
/* A believable small network: one machine that browses, resolves names, is reached by SSH, pings,
 * speaks IPv6, and is now and then scanned and flooded. Nothing here asks for the time: what the
 * n-th packet is depends on the seed and the rate only, so that two runs tell the same story.
 * Addresses are from the ranges for documentation (RFC 5737, RFC 3849) and private ones. */

#include "datapath/mock-internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>

/* The story repeats every minute: seconds 20 to 25 a port scan, 45 to 48 a SYN flood. */
#define STORY_SEC       60U
#define SCAN_FROM_SEC   20U
#define SCAN_UNTIL_SEC  25U
#define FLOOD_FROM_SEC  45U
#define FLOOD_UNTIL_SEC 48U

/* splitmix64 (public domain, Sebastiano Vigna) */
static uint64_t next_random(MockTraffic *traffic)
{
    uint64_t z = (traffic->random += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static uint32_t below(MockTraffic *traffic, uint32_t limit)
{
    return (uint32_t)(next_random(traffic) % limit);
}

void mock_traffic_init(MockTraffic *traffic, const MockOptions *options)
{
    uint32_t seed = options->seed;

    if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
        seed = 1;
    *traffic = (MockTraffic){.random = seed, .rate = options->packets_per_second};
}

/* --- who */

static Address ipv4(uint32_t host_order)
{
    return address_from_in((struct in_addr){htonl(host_order)});
}

/* 2001:db8:NET::HOST */
static Address ipv6(uint8_t net, uint8_t host)
{
    struct in6_addr in6 = {.s6_addr = {0x20, 0x01, 0x0d, 0xb8, 0, net, [15] = host}};

    return address_from_in6(&in6);
}

#define HOME(host)    ipv4(0xc0a80100U | (host)) /* 192.168.1.0/24 */
#define NET_A(host)   ipv4(0xc0000200U | (host)) /* 192.0.2.0/24 */
#define NET_B(host)   ipv4(0xc6336400U | (host)) /* 198.51.100.0/24 */
#define NET_C(host)   ipv4(0xcb007100U | (host)) /* 203.0.113.0/24 */
#define THIS_MACHINE  HOME(10)
#define THIS_MACHINE6 ipv6(1, 0x10)
#define SCANNER       NET_B(66)

/* A few servers get most of the traffic. */
static Address some_server(MockTraffic *traffic)
{
    static const uint8_t chatty[] = {7, 20, 34, 80};
    uint32_t dice = below(traffic, 10);

    if (dice < 6)
        return NET_C(chatty[below(traffic, ELEMENTSOF(chatty))]);
    return dice < 8 ? NET_A(1 + below(traffic, 250)) : NET_B(100 + below(traffic, 150));
}

/* --- conversations */

static void begin_client(MockTraffic *traffic, MockSession *s, uint8_t protocol, uint16_t port)
{
    s->local = THIS_MACHINE;
    s->remote = some_server(traffic);
    s->protocol = protocol;
    s->local_port = (uint16_t)(32768 + below(traffic, 28000));
    s->remote_port = port;
}

static void begin_web(MockTraffic *traffic, MockSession *s)
{
    begin_client(traffic, s, IPPROTO_TCP, below(traffic, 8) ? 443 : 80);
    s->steps = 12 + below(traffic, 400);
}

static void begin_web6(MockTraffic *traffic, MockSession *s)
{
    begin_web(traffic, s);
    s->local = THIS_MACHINE6;
    s->remote = ipv6(2, (uint8_t)(1 + below(traffic, 30)));
}

static void begin_quic(MockTraffic *traffic, MockSession *s)
{
    begin_client(traffic, s, IPPROTO_UDP, 443);
    s->steps = 20 + below(traffic, 300);
}

static void begin_dns(MockTraffic *traffic, MockSession *s)
{
    begin_client(traffic, s, IPPROTO_UDP, 53);
    s->remote = HOME(1);
    s->steps = 2;
}

static void begin_ssh(MockTraffic *traffic, MockSession *s)
{
    begin_client(traffic, s, IPPROTO_TCP, 0);
    s->remote = HOME(20 + below(traffic, 3));
    s->remote_port = s->local_port;
    s->local_port = 22;
    s->inbound = true;
    s->steps = 60 + below(traffic, 600);
}

static void begin_ping(MockTraffic *traffic, MockSession *s)
{
    bool six = below(traffic, 4) == 0;

    s->local = six ? THIS_MACHINE6 : THIS_MACHINE;
    s->remote = six ? ipv6(2, 1) : HOME(1);
    s->protocol = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    s->steps = 2 + 2 * below(traffic, 10);
}

static void begin_session(MockTraffic *traffic, MockSession *s)
{
    uint32_t dice = below(traffic, 100);

    *s = (MockSession){.interface = (uint32_t)next_random(traffic)};
    if (dice < 35)
        begin_web(traffic, s);
    else if (dice < 50)
        begin_web6(traffic, s);
    else if (dice < 60)
        begin_quic(traffic, s);
    else if (dice < 88)
        begin_dns(traffic, s);
    else if (dice < 92)
        begin_ssh(traffic, s);
    else
        begin_ping(traffic, s);
}

/* --- packets */

static PacketEvent packet_of(const MockSession *s, bool outgoing)
{
    return (PacketEvent){
            .src = outgoing ? s->local : s->remote,
            .dst = outgoing ? s->remote : s->local,
            .sport = outgoing ? s->local_port : s->remote_port,
            .dport = outgoing ? s->remote_port : s->local_port,
            .protocol = s->protocol,
            .direction = outgoing ? DIRECTION_EGRESS : DIRECTION_INGRESS,
            .packets = 1,
    };
}

/* Handshake, data that flows mostly from the server, and a FIN from either side. */
static PacketEvent next_tcp(MockTraffic *traffic, const MockSession *s)
{
    static const uint8_t handshake[] = {TCP_FLAG_SYN, TCP_FLAG_SYN | TCP_FLAG_ACK, TCP_FLAG_ACK};
    bool by_client = s->step < 3 ? s->step != 1 : below(traffic, 3) == 0;
    uint32_t header_bytes = address_is_ipv4(&s->local) ? 66 : 86;
    PacketEvent packet;

    if (s->step + 2 >= s->steps)
        by_client = s->step + 2 == s->steps;
    packet = packet_of(s, by_client != s->inbound);
    packet.length_bytes = header_bytes;
    if (s->step < 3) {
        packet.tcp_flags = handshake[s->step];
    } else if (s->step + 2 >= s->steps) {
        packet.tcp_flags = TCP_FLAG_FIN | TCP_FLAG_ACK;
    } else if (by_client) {
        packet.tcp_flags = TCP_FLAG_ACK;
    } else {
        packet.tcp_flags = TCP_FLAG_PSH | TCP_FLAG_ACK;
        packet.length_bytes = s->inbound ? header_bytes + 36 + below(traffic, 200) : 1514;
    }
    return packet;
}

static PacketEvent next_of_session(MockTraffic *traffic, const MockSession *s)
{
    bool asks = s->step % 2 == 0;
    PacketEvent packet;

    if (s->protocol == IPPROTO_TCP)
        return next_tcp(traffic, s);
    if (s->protocol == IPPROTO_UDP && s->remote_port == 443)
        asks = s->step == 0 || below(traffic, 4) == 0;
    packet = packet_of(s, asks != s->inbound);
    if (s->protocol != IPPROTO_UDP)
        packet.length_bytes = 98;
    else if (s->remote_port == 53)
        packet.length_bytes = asks ? 74 : 90 + below(traffic, 300);
    else
        packet.length_bytes = asks ? 84 : 1292;
    return packet;
}

static PacketEvent scan_packet(MockTraffic *traffic)
{
    MockSession s = {.local = THIS_MACHINE,
            .remote = SCANNER,
            .local_port = (uint16_t)(1 + below(traffic, 10000)),
            .remote_port = 54321,
            .protocol = IPPROTO_TCP};
    bool reset = below(traffic, 3) == 0;
    PacketEvent packet = packet_of(&s, reset);

    packet.length_bytes = 60;
    packet.tcp_flags = reset ? TCP_FLAG_RST | TCP_FLAG_ACK : TCP_FLAG_SYN;
    return packet;
}

static PacketEvent flood_packet(MockTraffic *traffic)
{
    MockSession s = {.local = THIS_MACHINE,
            .remote = NET_B(200 + below(traffic, 50)),
            .local_port = 80,
            .remote_port = (uint16_t)(1024 + below(traffic, 64000)),
            .protocol = IPPROTO_TCP};
    PacketEvent packet = packet_of(&s, false);

    packet.length_bytes = 60;
    packet.tcp_flags = TCP_FLAG_SYN;
    return packet;
}

static Action send_packet(Mock *mock, PacketEvent *packet, uint32_t interface, uint64_t time_ns)
{
    packet->time_ns = time_ns;
    packet->ifindex = mock->attachments[interface % mock->n_attachments].ifindex;
    return mock_packet(mock, packet);
}

/* Who gets no answer soon stops trying. */
static void continue_session(Mock *mock, uint64_t time_ns)
{
    MockTraffic *t = &mock->traffic;
    MockSession *s = &t->sessions[below(t, MOCK_SESSIONS)];
    PacketEvent packet;

    if (s->step >= s->steps)
        begin_session(t, s);
    packet = next_of_session(t, s);
    s->step++;
    if (send_packet(mock, &packet, s->interface, time_ns) == ACTION_DROP && s->step >= 3)
        s->steps = 0;
}

static void send_one(Mock *mock, uint64_t time_ns)
{
    MockTraffic *t = &mock->traffic;
    uint64_t second = t->sent++ / t->rate % STORY_SEC;
    uint32_t dice = below(t, 100);
    PacketEvent packet;

    if (dice < 2) {
        mock_frame_nonip(mock, below(t, 3) ? DIRECTION_INGRESS : DIRECTION_EGRESS, 60); /* ARP */
    } else if (dice < 30 && second >= SCAN_FROM_SEC && second < SCAN_UNTIL_SEC) {
        packet = scan_packet(t);
        send_packet(mock, &packet, 0, time_ns);
    } else if (dice < 60 && second >= FLOOD_FROM_SEC && second < FLOOD_UNTIL_SEC) {
        packet = flood_packet(t);
        send_packet(mock, &packet, 0, time_ns);
    } else {
        continue_session(mock, time_ns);
    }
}

/* After a pause (a suspended machine) the backlog is not made up for. */
void datapath_mock_advance(Datapath *datapath, uint64_t now_ns, uint64_t elapsed_ns)
{
    Mock *mock = (Mock *)datapath;
    MockTraffic *t = &mock->traffic;
    uint64_t n, begin_ns;

    elapsed_ns = MIN_OF(elapsed_ns, (uint64_t)NSEC_PER_SEC);
    elapsed_ns = MIN_OF(elapsed_ns, now_ns);
    begin_ns = now_ns - elapsed_ns;
    if (mock->n_attachments == 0 || t->rate == 0)
        return;
    t->credit += t->rate * elapsed_ns;
    n = t->credit / NSEC_PER_SEC;
    t->credit %= NSEC_PER_SEC;
    for (uint64_t i = 0; i < n; i++)
        send_one(mock, begin_ns + elapsed_ns * (i + 1) / n);
}
