/* SPDX-License-Identifier: MIT */
/* What is read out of a packet: the flow key, the protocol's counter, bytes; through every program
 * it can reach, cut at every byte. */

#include "harness.h"

#include <string.h>

#define V6        .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define Q         0x8100
#define AD        0x88a8
#define DEPTH_MAX 8

typedef struct Row {
    const char *name;
    PacketSpec spec;
    enum ntc_protocol_class class;
} Row;

static const Row rows[] = {
        {"TCP", {}, NTC_PROTO_TCP},
        {"TCP with options", {.tcp_words = 15}, NTC_PROTO_TCP},
        {"UDP", {.protocol = UDP}, NTC_PROTO_UDP},
        {"ICMP", {.protocol = ICMP}, NTC_PROTO_ICMP},
        {"SCTP", {.protocol = SCTP}, NTC_PROTO_OTHER},
        {"GRE", {.protocol = GRE}, NTC_PROTO_OTHER},
        {"protocol 255", {.protocol = 255}, NTC_PROTO_OTHER},
        {"IPv6 TCP", {V6}, NTC_PROTO_TCP},
        {"IPv6 UDP", {V6, .protocol = UDP}, NTC_PROTO_UDP},
        {"IPv6 ICMPv6", {V6, .protocol = ICMPV6}, NTC_PROTO_ICMPV6},
        {"IPv6 SCTP", {V6, .protocol = SCTP}, NTC_PROTO_OTHER},
        {"IPv6 no next header", {V6, .protocol = NO_NEXT}, NTC_PROTO_OTHER},
        {"IPv6 ESP", {V6, .protocol = ESP}, NTC_PROTO_OTHER},
        {"one tag", {.vlans = {Q}}, NTC_PROTO_TCP},
        {"one service tag", {.vlans = {AD}}, NTC_PROTO_TCP},
        {"two tags", {.vlans = {AD, Q}}, NTC_PROTO_TCP},
        {"three tags", {.vlans = {AD, Q, Q}}, NTC_PROTO_TCP},
        {"four tags", {.vlans = {AD, AD, Q, Q}}, NTC_PROTO_TCP},
        {"eight tags", {.vlans = {AD, AD, AD, AD, Q, Q, Q, Q}}, NTC_PROTO_TCP},
        {"one tag, UDP", {.vlans = {Q}, .protocol = UDP}, NTC_PROTO_UDP},
        {"four tags, IPv6", {V6, .vlans = {AD, AD, Q, Q}}, NTC_PROTO_TCP},
        {"eight tags, IPv6", {V6, .vlans = {AD, AD, AD, AD, Q, Q, Q, Q}}, NTC_PROTO_TCP},
        {"hop-by-hop", {V6, .headers = {HOPOPTS}, .n_headers = 1}, NTC_PROTO_TCP},
        {"routing", {V6, .headers = {ROUTING}, .n_headers = 1}, NTC_PROTO_TCP},
        {"destination options", {V6, .headers = {DSTOPTS}, .n_headers = 1}, NTC_PROTO_TCP},
        {"authentication", {V6, .headers = {AH}, .n_headers = 1}, NTC_PROTO_TCP},
        {"authentication, longer", {V6, .headers = {AH}, .n_headers = 1, .header_words = 2},
                NTC_PROTO_TCP},
        {"mobility", {V6, .headers = {MOBILITY}, .n_headers = 1}, NTC_PROTO_TCP},
        {"host identity", {V6, .headers = {HIP}, .n_headers = 1}, NTC_PROTO_TCP},
        {"shim6", {V6, .headers = {SHIM6}, .n_headers = 1}, NTC_PROTO_TCP},
        {"atomic fragment", {V6, .headers = {FRAGMENT}, .n_headers = 1}, NTC_PROTO_TCP},
        {"long options", {V6, .headers = {HOPOPTS}, .n_headers = 1, .header_words = 30},
                NTC_PROTO_TCP},
        {"the order of RFC 8200",
                {V6, .protocol = UDP, .headers = {HOPOPTS, DSTOPTS, ROUTING, FRAGMENT, AH, DSTOPTS},
                        .n_headers = 6},
                NTC_PROTO_UDP},
        {"the same, longer, ICMPv6",
                {V6, .protocol = ICMPV6,
                        .headers = {HOPOPTS, DSTOPTS, ROUTING, FRAGMENT, AH, DSTOPTS},
                        .n_headers = 6, .header_words = 3},
                NTC_PROTO_ICMPV6},
        {"nine headers", {V6, .headers = {0, 60, 60, 60, 60, 60, 60, 60, 60}, .n_headers = 9},
                NTC_PROTO_TCP},
        {"ten headers", {V6, .headers = {0, 60, 60, 60, 60, 60, 60, 60, 60, 60}, .n_headers = 10},
                NTC_PROTO_TCP},
};

static void check_row(const Row *row, Program program)
{
    PacketSpec spec = row->spec;
    struct ntc_flow_key key;
    struct ntc_flow flow = {};
    Packet packet;
    const struct ntc_count *count;
    struct ntc_counters c;

    spec.raw_ip = program == INGRESS_IP || program == EGRESS_IP;
    spec.payload_bytes = 7;
    if (spec.raw_ip && spec.vlans[0])
        return;
    harness_reset();
    harness_row("%s, program %d", row->name, (int)program);
    packet_build(&packet, &spec);
    key = packet_key(&spec, program & 1, HARNESS_IFINDEX);
    EXPECT_EQ(run_packet(program, &packet), NEXT);
    EXPECT_EQ(run_packet(program, &packet), NEXT);

    c = counters();
    count = &c.by[row->class][program & 1][NTC_PASS];
    EXPECT_EQ(count->packets, 2);
    EXPECT_EQ(count->bytes, 2 * packet.size);
    EXPECT_EQ(counted_packets(), 2);
    EXPECT_EQ(c.unreadable + c.transport_unreadable + c.untracked + c.fragments_unmatched, 0);
    EXPECT_EQ(flow_count(), 1);
    if (!EXPECT(flow_get(&key, &flow)))
        return;
    EXPECT_EQ(flow_packets(&flow), 2);
    EXPECT_EQ(flow_bytes(&flow), 2 * packet.size);
    EXPECT_EQ(flow.judgement, NTC_JUDGEMENT(1, 0, NTC_PASS));
    EXPECT_EQ(flow.tcp_flags, row->class == NTC_PROTO_TCP ? ACK : 0);
    EXPECT(flow.first_seen_ns > 0 && flow.last_seen_ns >= flow.first_seen_ns);
}

static void test_rows(void)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        for (Program program = INGRESS; program < _PROGRAM_MAX; program++)
            check_row(&rows[i], program);
}

static void test_ipv4_options(void)
{
    for (uint8_t ihl = 6; ihl <= 15; ihl++) {
        Row row = {"IHL", {.ihl = ihl}, NTC_PROTO_TCP};
        Row udp = {"IHL, UDP, a tag", {.ihl = ihl, .protocol = UDP, .vlans = {Q}}, NTC_PROTO_UDP};

        check_row(&row, INGRESS);
        check_row(&row, EGRESS_IP);
        check_row(&udp, EGRESS);
    }
}

/* Beyond what is walked, the ports are lost, but the lists decide all the same. */
static void test_twenty_headers(void)
{
    PacketSpec spec = {V6, .n_headers = 20, .dport = 22};

    memset(spec.headers, DSTOPTS, sizeof(spec.headers));
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    list_add(BLACK, "2001:db8::/64", 1);
    list_changed();
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT_EQ(counters().transport_unreadable, 2);
    EXPECT_EQ(counters().by[NTC_PROTO_OTHER][NTC_INGRESS][NTC_DROP].packets, 1);
    EXPECT_EQ(flow_count(), 1);
}

/* A header length that leads past the end. */
static void test_lying_lengths(void)
{
    PacketSpec spec = {V6, .headers = {DSTOPTS}, .n_headers = 1};
    Packet packet;

    list_add(BLACK, "2001:db8::1", 1);
    list_add(BLACK, "10.0.0.1", 2);
    packet_build(&packet, &spec);
    packet.data[packet.addresses_end + 1] = 255;
    EXPECT_EQ(run_packet(INGRESS, &packet), SHOT);
    packet_build(&packet, &(PacketSpec){.dport = 22});
    packet.data[14] = 0x4f;
    EXPECT_EQ(run_packet(INGRESS, &packet), SHOT);
    for (uint8_t ihl = 0; ihl < 5; ihl++) {
        packet.data[14] = 0x40 | ihl;
        EXPECT_EQ(run_packet(INGRESS, &packet), SHOT);
    }
    EXPECT_EQ(counters().transport_unreadable, 7);
}

static void test_wrong_version(void)
{
    Packet packet;

    list_add(BLACK, "0.0.0.0/0", 1);
    list_add(BLACK, "::/0", 1);
    packet_build(&packet, &(PacketSpec){.vlans = {Q}});
    packet.data[18] = 0x65;
    EXPECT_EQ(run_packet(INGRESS, &packet), NEXT);
    packet_build(&packet, &(PacketSpec){V6, .vlans = {Q}});
    packet.data[18] = 0x40;
    EXPECT_EQ(run_packet(INGRESS, &packet), NEXT);
    EXPECT_EQ(counters().unreadable, 2);
    EXPECT_EQ(counters().by[NTC_PROTO_OTHER][NTC_INGRESS][NTC_PASS].packets, 2);
}

static void test_nonip(void)
{
    static const uint16_t types[] = {0x0806, 0x8863, 0x8864, 0x88cc, 0x0026, 0x88e5, 0xffff};

    list_add(BLACK, "0.0.0.0/0", 1);
    list_add(BLACK, "::/0", 1);
    harness_control()->events_enabled = 1;
    harness_control()->budget_per_slice = 1000;
    for (size_t i = 0; i < COUNT(types); i++) {
        PacketSpec spec = {.ethertype = types[i]};

        harness_row("ethertype %04x", types[i]);
        EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
        spec.vlans[0] = Q;
        EXPECT_EQ(run_spec(EGRESS, &spec), NEXT);
    }
    EXPECT_EQ(counters().by[NTC_PROTO_NONIP][NTC_INGRESS][NTC_PASS].packets, COUNT(types));
    EXPECT_EQ(counters().by[NTC_PROTO_NONIP][NTC_EGRESS][NTC_PASS].packets, COUNT(types));
    EXPECT_EQ(counters().by[NTC_PROTO_NONIP][NTC_EGRESS][NTC_PASS].bytes, COUNT(types) * 58);
    EXPECT_EQ(flow_count(), 0);
    EXPECT_EQ(events_take(NULL), 0);
}

/* More tags than are walked: what is behind them can't be judged, and Linux might deliver it. */
static void test_too_many_tags(void)
{
    PacketSpec spec = {};

    for (int i = 0; i <= DEPTH_MAX; i++)
        spec.vlans[i] = Q;
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT_EQ(counters().by[NTC_PROTO_NONIP][NTC_INGRESS][NTC_DROP].packets, 1);
}

static void test_raw_ip_of_no_version(void)
{
    Packet packet;

    packet_build(&packet, &(PacketSpec){.raw_ip = true});
    packet.data[0] = 0x50;
    EXPECT_EQ(run_packet(INGRESS_IP, &packet), NEXT);
    EXPECT_EQ(counters().by[NTC_PROTO_NONIP][NTC_INGRESS][NTC_PASS].packets, 1);
}

static void test_interface_is_in_the_key(void)
{
    PacketSpec spec = {};
    struct ntc_flow_key key = packet_key(&spec, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow;

    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT_EQ(run_spec(EGRESS, &spec), NEXT);
    EXPECT_EQ(flow_count(), 2);
    EXPECT(flow_get(&key, &flow));
    key.direction = NTC_EGRESS;
    EXPECT(flow_get(&key, &flow));
}

/* The addresses decide which map a flow is in, not the header: one key, one place. */
static void test_mapped_addresses_in_ipv6(void)
{
    enum { SOURCE = 14 + 8, DESTINATION = 14 + 24 };
    PacketSpec ipv4 = {}, ipv6 = {.src = "2001:db8::1", .dst = "2001:db8::2"};
    struct ntc_flow_key key = packet_key(&ipv4, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow;
    Packet packet;

    packet_build(&packet, &ipv6);
    memcpy(packet.data + SOURCE, key.src, 16);
    EXPECT_EQ(run_packet(INGRESS, &packet), NEXT);
    EXPECT_EQ(flow_count(), 1);
    EXPECT(!flow_get(&key, &flow));
    memcpy(packet.data + DESTINATION, key.dst, 16);
    EXPECT_EQ(run_packet(INGRESS, &packet), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &ipv4), NEXT);
    EXPECT_EQ(flow_count(), 2);
    EXPECT(flow_get(&key, &flow) && flow_packets(&flow) == 2);
}

static void test_tcp_flags(void)
{
    PacketSpec spec = {.flags = SYN};
    struct ntc_flow_key key = packet_key(&spec, NTC_INGRESS, HARNESS_IFINDEX);
    static const uint8_t sequence[] = {SYN, SYN, SYN_ACK, ACK, ACK | FIN, RST};
    struct ntc_flow flow;

    for (size_t i = 0; i < COUNT(sequence); i++) {
        spec.flags = sequence[i];
        EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    }
    if (!EXPECT(flow_get(&key, &flow)))
        return;
    EXPECT_EQ(flow.syn_packets, 3);
    EXPECT_EQ(flow.noack_packets, 3);
    EXPECT_EQ(flow.tcp_flags, SYN | ACK | FIN | RST);
}

int main(void)
{
    static const TestCase cases[] = {
            {"protocols, tags and extension headers on every program", test_rows},
            {"IPv4 options, IHL 6 to 15", test_ipv4_options},
            {"twenty extension headers", test_twenty_headers},
            {"lengths that lead past the end", test_lying_lengths},
            {"the IP version does not fit the ethertype", test_wrong_version},
            {"not IP", test_nonip},
            {"nine tags", test_too_many_tags},
            {"raw IP of no known version", test_raw_ip_of_no_version},
            {"directions are flows of their own", test_interface_is_in_the_key},
            {"IPv4 addresses in an IPv6 header", test_mapped_addresses_in_ipv6},
            {"TCP flags", test_tcp_flags},
    };

    return harness_main("parse", cases, COUNT(cases));
}
