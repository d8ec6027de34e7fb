/* SPDX-License-Identifier: MIT */
/* Packets cut at every byte. Whatever is missing, once the addresses are readable the lists decide.
 */

#include "harness.h"

#define V6       .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { TEST_RUN_BYTES_MIN = 14 };

/* Behind a tag, because BPF_PROG_TEST_RUN itself refuses IP headers that are cut. */
static const struct {
    const char *name;
    PacketSpec spec;
} rows[] = {
        {"TCP", {.vlans = {0x8100}}},
        {"UDP", {.vlans = {0x8100}, .protocol = UDP}},
        {"ICMP", {.vlans = {0x8100}, .protocol = ICMP}},
        {"SCTP", {.vlans = {0x8100}, .protocol = SCTP}},
        {"IPv4 options", {.vlans = {0x8100}, .ihl = 15}},
        {"four tags", {.vlans = {0x88a8, 0x88a8, 0x8100, 0x8100}}},
        {"IPv6", {V6, .vlans = {0x8100}}},
        {"IPv6 chain", {V6, .vlans = {0x8100}, .headers = {HOPOPTS, ROUTING, FRAGMENT, AH, DSTOPTS},
                               .n_headers = 5, .header_words = 1}},
        {"raw IPv4", {.raw_ip = true}},
        {"raw IPv6", {V6, .raw_ip = true, .headers = {HOPOPTS, DSTOPTS}, .n_headers = 2}},
};

static bool has_ports(const PacketSpec *spec)
{
    return !spec->protocol || spec->protocol == UDP || spec->protocol == SCTP;
}

/* The link part is whole: 14 bytes and the tags. */
static size_t link_end(const PacketSpec *spec)
{
    size_t end = 14;

    for (size_t i = 0; spec->vlans[i]; i++)
        end += 4;
    return spec->raw_ip ? 0 : end;
}

static void check_cut(const PacketSpec *spec, const Packet *whole, size_t size)
{
    bool readable = size >= whole->addresses_end;
    size_t transport_needed = spec->protocol == 0 ? 14 : 4;
    Packet packet = *whole;
    struct ntc_counters c;

    packet.size = size;
    EXPECT_EQ(run_packet(spec->raw_ip ? INGRESS_IP : INGRESS, &packet), readable ? SHOT : NEXT);
    c = counters();
    EXPECT_EQ(counted_packets(), 1);
    EXPECT_EQ(flow_count(), readable);
    EXPECT_EQ(c.unreadable, size >= link_end(spec) && !readable);
    if (has_ports(spec))
        EXPECT_EQ(c.transport_unreadable, readable && size < whole->transport + transport_needed);
    else
        EXPECT_EQ(c.transport_unreadable, 0);
    EXPECT_EQ(hits(1).bytes, readable ? size : 0);
}

static void check_key(const PacketSpec *spec, const Packet *whole, size_t size)
{
    struct ntc_flow_key key = packet_key(spec, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow;

    if (size >= whole->transport + 4)
        EXPECT(flow_get(&key, &flow));
}

static void test_cut_everywhere(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        Packet whole;

        packet_build(&whole, &rows[i].spec);
        for (size_t size = TEST_RUN_BYTES_MIN; size <= whole.size; size++) {
            harness_reset();
            harness_row("%s, %zu of %zu bytes", rows[i].name, size, whole.size);
            list_add(BLACK, "10.0.0.1", 1);
            list_add(BLACK, "2001:db8::1", 1);
            check_cut(&rows[i].spec, &whole, size);
            check_key(&rows[i].spec, &whole, size);
        }
    }
}

int main(void)
{
    static const TestCase cases[] = {{"cut at every byte", test_cut_everywhere}};

    return harness_main("truncate", cases, COUNT(cases));
}
