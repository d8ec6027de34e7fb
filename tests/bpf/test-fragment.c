/* SPDX-License-Identifier: MIT */
/* Fragments: later ones inherit the first one's ports and SSH decision; whatever is not known goes
 * to the lists. */

#include "harness.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The same story is told for both families. */
typedef struct Family {
    const char *name, *src, *dst;
    uint8_t n_headers;
} Family;

static const Family families[] = {
        {"IPv4", "10.0.0.1", "10.0.0.2", 0},
        {"IPv6", "2001:db8::1", "2001:db8::2", 1},
};

static PacketSpec first_of(const Family *family, uint32_t id)
{
    return (PacketSpec){
            .src = family->src,
            .dst = family->dst,
            .headers = {FRAGMENT},
            .n_headers = family->n_headers,
            .fragment_id = id,
            .more_fragments = true,
            .payload_bytes = 4,
    };
}

static PacketSpec later_of(const Family *family, uint32_t id)
{
    PacketSpec spec = first_of(family, id);

    spec.fragment_offset = 3;
    spec.more_fragments = false;
    return spec;
}

static void for_each_family(void (*check)(const Family *family))
{
    for (size_t i = 0; i < COUNT(families); i++) {
        harness_reset();
        harness_row("%s", families[i].name);
        check(&families[i]);
    }
}

static void check_inherits_ports(const Family *family)
{
    PacketSpec first = first_of(family, 7), later = later_of(family, 7);
    struct ntc_flow_key key = packet_key(&first, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow;

    EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    later.more_fragments = true;
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
    later.more_fragments = false;
    later.fragment_offset = 6;
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
    EXPECT_EQ(flow_count(), 1);
    EXPECT(flow_get(&key, &flow) && flow_packets(&flow) == 3);
    EXPECT_EQ(counters().fragments_unmatched, 0);
    EXPECT_EQ(counters().transport_unreadable, 0);
}

static void check_inherits_ssh(const Family *family)
{
    PacketSpec first = first_of(family, 8), later = later_of(family, 8);

    first.dport = 22;
    list_add(BLACK, family->src, 1);
    EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
    EXPECT_EQ(counters().by[NTC_PROTO_TCP][NTC_INGRESS][NTC_SSH].packets, 2);
    /* Another datagram, another direction, another protocol: another story. */
    later.fragment_id = 9;
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    later.fragment_id = 8;
    EXPECT_EQ(run_spec(EGRESS, &later), SHOT);
    later.protocol = UDP;
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    EXPECT_EQ(counters().fragments_unmatched, 3);
}

static void check_without_first(const Family *family)
{
    PacketSpec later = later_of(family, 10);

    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
    EXPECT_EQ(counters().fragments_unmatched, 1);
    list_add(BLACK, family->src, 1);
    list_changed();
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    EXPECT_EQ(hits(1).packets, 1);
    EXPECT_EQ(counters().fragments_unmatched, 2);
}

/* RFC 1858: a first fragment so small that the flags come in the second. */
static void check_tiny_first(const Family *family)
{
    PacketSpec first = first_of(family, 11), later = later_of(family, 11);

    list_add(BLACK, family->src, 1);
    first.sport = 22;
    first.transport_cut = 8;
    later.fragment_offset = 1;
    EXPECT_EQ(run_spec(INGRESS, &first), SHOT);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    EXPECT_EQ(counters().transport_unreadable, 1);
    /* The destination port needs no flags. */
    first.dport = 22;
    EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
}

static void check_later_ssh_looking(const Family *family)
{
    PacketSpec first = first_of(family, 12), later = later_of(family, 12);

    /* packet.c puts 22 where a port would be; it is payload. */
    list_add(BLACK, family->src, 1);
    EXPECT_EQ(run_spec(INGRESS, &first), SHOT);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    EXPECT_EQ(flow_count(), 1);
}

static void check_udp(const Family *family)
{
    PacketSpec first = first_of(family, 13), later = later_of(family, 13);
    struct ntc_flow_key key;
    struct ntc_flow flow;

    first.protocol = later.protocol = UDP;
    first.dport = 53;
    key = packet_key(&first, NTC_EGRESS, HARNESS_IFINDEX);
    EXPECT_EQ(run_spec(EGRESS, &first), NEXT);
    EXPECT_EQ(run_spec(EGRESS, &later), NEXT);
    EXPECT(flow_get(&key, &flow) && flow_packets(&flow) == 2);
}

/* A new first fragment under an old id decides anew. */
static void check_id_again(const Family *family)
{
    PacketSpec first = first_of(family, 14), later = later_of(family, 14);

    list_add(BLACK, family->src, 1);
    first.dport = 22;
    EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    first.dport = 80;
    EXPECT_EQ(run_spec(INGRESS, &first), SHOT);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
}

static void check_more_than_remembered(const Family *family)
{
    PacketSpec later;

    for (uint32_t id = 0; id < 1000; id++) {
        PacketSpec first = first_of(family, id);

        EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    }
    later = later_of(family, 999);
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
    EXPECT_EQ(counters().fragments_unmatched, 0);
    EXPECT_EQ(flow_count(), 1);
}

#define FAMILIES(name)                                                                             \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        for_each_family(check_##name);                                                             \
    }
FAMILIES(inherits_ports)
FAMILIES(inherits_ssh)
FAMILIES(without_first)
FAMILIES(tiny_first)
FAMILIES(later_ssh_looking)
FAMILIES(udp)
FAMILIES(id_again)
FAMILIES(more_than_remembered)

/* In IPv6 the id has 32 bits, and both halves count. */
static void test_ipv6_id_is_whole(void)
{
    PacketSpec first = first_of(&families[1], 0x00010002);
    PacketSpec later = later_of(&families[1], 0x00030002);

    first.dport = 22;
    list_add(BLACK, "2001:db8::1", 1);
    EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    later.fragment_id = 0x00010002;
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
}

/* RFC 6946: neither offset nor more to come. It is whole, and leaves no memory. */
static void test_atomic(void)
{
    PacketSpec atomic = first_of(&families[1], 21), later = later_of(&families[1], 21);

    atomic.more_fragments = false;
    atomic.dport = 22;
    list_add(BLACK, "2001:db8::1", 1);
    EXPECT_EQ(run_spec(INGRESS, &atomic), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    EXPECT_EQ(counters().fragments_unmatched, 1);
}

/* RFC 8200 section 4.5: the fragment header's next header names the first header of the
 * fragmentable part, which may be an extension header again; a later fragment has only that. */
static void test_ipv6_options_in_the_fragmentable_part(void)
{
    PacketSpec first = first_of(&families[1], 22), later = later_of(&families[1], 22);
    struct ntc_flow_key key = packet_key(&first, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow;

    first.headers[1] = DSTOPTS;
    first.n_headers = 2;
    later.protocol = DSTOPTS;
    EXPECT_EQ(run_spec(INGRESS, &first), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &later), NEXT);
    EXPECT_EQ(counters().fragments_unmatched, 0);
    EXPECT_EQ(flow_count(), 1);
    EXPECT(flow_get(&key, &flow) && flow_packets(&flow) == 2);
}

/* Don't fragment is not a fragment, and leaves no memory: ids of such packets mean nothing
 * (RFC 6864). Nor do IPv6's reserved bits make one. */
static void test_not_a_fragment(void)
{
    PacketSpec whole = {.dport = 22, .fragment_id = 23};
    PacketSpec whole6 = first_of(&families[1], 23), later;
    Packet packet;

    list_add(BLACK, "10.0.0.1", 1);
    list_add(BLACK, "2001:db8::1", 1);
    packet_build(&packet, &whole);
    packet.data[14 + 6] = 0x40;
    EXPECT_EQ(run_packet(INGRESS, &packet), NEXT);
    later = later_of(&families[0], 23);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);

    whole6.dport = 22;
    whole6.more_fragments = false;
    packet_build(&packet, &whole6);
    packet.data[packet.addresses_end + 3] = 0x06;
    EXPECT_EQ(run_packet(INGRESS, &packet), NEXT);
    later = later_of(&families[1], 23);
    EXPECT_EQ(run_spec(INGRESS, &later), SHOT);
    EXPECT_EQ(counters().fragments_unmatched, 2);
}

int main(void)
{
    static const TestCase cases[] = {
            {"later ones inherit the ports", test_inherits_ports},
            {"later ones inherit the SSH decision", test_inherits_ssh},
            {"later without a first", test_without_first},
            {"a tiny first", test_tiny_first},
            {"payload that looks like a port", test_later_ssh_looking},
            {"UDP", test_udp},
            {"the same id again", test_id_again},
            {"more datagrams than are remembered", test_more_than_remembered},
            {"IPv6: all 32 bits of the id", test_ipv6_id_is_whole},
            {"IPv6: atomic", test_atomic},
            {"IPv6: options in the fragmentable part", test_ipv6_options_in_the_fragmentable_part},
            {"whole packets that look like fragments", test_not_a_fragment},
    };

    return harness_main("fragment", cases, COUNT(cases));
}
