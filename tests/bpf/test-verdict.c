/* SPDX-License-Identifier: MIT */
/* What becomes of a packet: the SSH rule, the whitelist, the blacklist, and when a verdict that was
 * cached in a flow is no longer believed. */

#include "harness.h"

#include <stdio.h>

typedef struct Row {
    const char *name;
    PacketSpec spec;
    const char *black, *white; /* listed before the packet, slots 1 and 2 */
    int verdict;
    enum ntc_action action;
} Row;

#define V6 .src = "2001:db8::1", .dst = "2001:db8::2"

static const Row verdicts[] = {
        {"unlisted passes", {}, NULL, NULL, NEXT, NTC_PASS},
        {"source blacklisted", {}, "10.0.0.1", NULL, SHOT, NTC_DROP},
        {"destination blacklisted", {}, "10.0.0.2", NULL, SHOT, NTC_DROP},
        {"source in a prefix", {}, "10.0.0.0/8", NULL, SHOT, NTC_DROP},
        {"source in /0", {}, "0.0.0.0/0", NULL, SHOT, NTC_DROP},
        {"source in /31", {.dst = "10.0.0.9"}, "10.0.0.0/31", NULL, SHOT, NTC_DROP},
        {"source just outside /31", {.dst = "10.0.0.9"}, "10.0.0.2/31", NULL, NEXT, NTC_PASS},
        {"another prefix", {}, "11.0.0.0/8", NULL, NEXT, NTC_PASS},
        {"source whitelisted", {}, NULL, "10.0.0.1", NEXT, NTC_SKIP},
        {"destination whitelisted", {}, NULL, "10.0.0.2", NEXT, NTC_SKIP},
        {"whitelist beats a longer prefix", {}, "10.0.0.1", "10.0.0.0/8", NEXT, NTC_SKIP},
        {"whitelist beats a shorter prefix", {}, "10.0.0.0/8", "10.0.0.1", NEXT, NTC_SKIP},
        {"whitelisted source, blacklisted destination", {}, "10.0.0.2", "10.0.0.1", NEXT, NTC_SKIP},
        {"blacklisted source, whitelisted destination", {}, "10.0.0.1", "10.0.0.2", NEXT, NTC_SKIP},
        {"IPv6 unlisted", {V6}, NULL, NULL, NEXT, NTC_PASS},
        {"IPv6 source", {V6}, "2001:db8::1", NULL, SHOT, NTC_DROP},
        {"IPv6 destination", {V6}, "2001:db8::2", NULL, SHOT, NTC_DROP},
        {"IPv6 prefix /32", {V6}, "2001:db8::/32", NULL, SHOT, NTC_DROP},
        {"IPv6 prefix /0", {V6}, "::/0", NULL, SHOT, NTC_DROP},
        {"IPv6 prefix /127", {V6}, "2001:db8::2/127", NULL, SHOT, NTC_DROP},
        {"IPv6 another prefix", {V6}, "2001:db9::/32", NULL, NEXT, NTC_PASS},
        {"IPv6 whitelist beats", {V6}, "2001:db8::1", "2001:db8::/16", NEXT, NTC_SKIP},
        {"IPv6 /0 does not hold IPv4", {}, "::/0", NULL, NEXT, NTC_PASS},
        {"IPv4 /0 does not hold IPv6", {V6}, "0.0.0.0/0", NULL, NEXT, NTC_PASS},
        {"UDP is judged", {.protocol = UDP}, "10.0.0.1", NULL, SHOT, NTC_DROP},
        {"ICMP is judged", {.protocol = ICMP}, "10.0.0.1", NULL, SHOT, NTC_DROP},

        {"SSH: to port 22, SYN", {.dport = 22, .flags = SYN}, "10.0.0.1", NULL, NEXT, NTC_SSH},
        {"SSH: to port 22, ACK", {.dport = 22}, "10.0.0.1", NULL, NEXT, NTC_SSH},
        {"SSH: to port 22 of a blacklisted host", {.dport = 22, .flags = SYN}, "10.0.0.2", NULL,
                NEXT, NTC_SSH},
        {"SSH: beats the whitelist", {.dport = 22}, NULL, "10.0.0.1", NEXT, NTC_SSH},
        {"SSH: from port 22, SYN-ACK", {.sport = 22, .flags = SYN_ACK}, "10.0.0.1", NULL, NEXT,
                NTC_SSH},
        {"SSH: from port 22, ACK", {.sport = 22}, "10.0.0.1", NULL, NEXT, NTC_SSH},
        {"SSH: from port 22, RST", {.sport = 22, .flags = RST}, "10.0.0.1", NULL, NEXT, NTC_SSH},
        {"SSH: from port 22, pure SYN", {.sport = 22, .flags = SYN}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: from port 22, SYN and URG", {.sport = 22, .flags = 0x22}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: from port 22 to 22, pure SYN", {.sport = 22, .dport = 22, .flags = SYN}, "10.0.0.1",
                NULL, NEXT, NTC_SSH},
        {"SSH: from port 22, 4 bytes", {.sport = 22, .transport_cut = 4}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: from port 22, 8 bytes", {.sport = 22, .transport_cut = 8}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: from port 22, 13 bytes", {.sport = 22, .transport_cut = 13}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: from port 22, 14 bytes", {.sport = 22, .transport_cut = 14}, "10.0.0.1", NULL, NEXT,
                NTC_SSH},
        {"SSH: to port 22, 4 bytes", {.dport = 22, .transport_cut = 4}, "10.0.0.1", NULL, NEXT,
                NTC_SSH},
        {"SSH: to port 22, 3 bytes", {.dport = 22, .transport_cut = 3}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: from port 22, first fragment of 8 bytes",
                {.sport = 22, .transport_cut = 8, .more_fragments = true}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: UDP port 22 is not SSH", {.protocol = UDP, .dport = 22}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: SCTP port 22 is not SSH", {.protocol = SCTP, .dport = 22}, "10.0.0.1", NULL, SHOT,
                NTC_DROP},
        {"SSH: IPv6", {V6, .dport = 22, .flags = SYN}, "2001:db8::1", NULL, NEXT, NTC_SSH},
        {"SSH: IPv6 pure SYN from port 22", {V6, .sport = 22, .flags = SYN}, "2001:db8::1", NULL,
                SHOT, NTC_DROP},
        {"SSH: behind extension headers", {V6, .dport = 22, .headers = {DSTOPTS}, .n_headers = 1},
                "2001:db8::1", NULL, NEXT, NTC_SSH},
        {"SSH: behind a VLAN tag", {.dport = 22, .vlans = {0x8100}}, "10.0.0.1", NULL, NEXT,
                NTC_SSH},
};

static void check_verdict(const Row *row, Program program)
{
    PacketSpec spec = row->spec;
    Packet packet;
    struct ntc_counters c;
    struct ntc_count hit;
    uint64_t listed;

    harness_reset();
    spec.raw_ip = program == INGRESS_IP || program == EGRESS_IP;
    if (spec.raw_ip && spec.vlans[0])
        return;
    harness_row("%s, program %d", row->name, (int)program);
    if (row->black)
        list_add(BLACK, row->black, 1);
    if (row->white)
        list_add(WHITE, row->white, 2);
    packet_build(&packet, &spec);
    EXPECT_EQ(run_packet(program, &packet), row->verdict);

    c = counters();
    listed = 0;
    for (unsigned p = 0; p < NTC_PROTOS; p++)
        listed += c.by[p][program & 1][row->action].packets;
    EXPECT_EQ(listed, 1);
    EXPECT_EQ(counted_packets(), 1);
    hit = hits(1);
    EXPECT_EQ(hit.packets, row->action == NTC_DROP);
    EXPECT_EQ(hit.bytes, row->action == NTC_DROP ? packet.size : 0);
    EXPECT_EQ(hits(2).packets, row->action == NTC_SKIP);
    EXPECT_EQ(flow_count(), 1);
}

static void test_verdicts(void)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        for (Program program = INGRESS; program < _PROGRAM_MAX; program++)
            check_verdict(&verdicts[i], program);
}

static void test_longest_prefix_is_hit(void)
{
    list_add(BLACK, "10.0.0.0/8", 1);
    list_add(BLACK, "10.0.0.0/24", 2);
    list_add(BLACK, "10.0.0.2", 3);
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){}), SHOT);
    EXPECT_EQ(hits(2).packets, 1);
    EXPECT_EQ(hits(1).packets + hits(3).packets, 0);
}

static void test_change_rejudges(void)
{
    PacketSpec spec = {};
    struct ntc_flow_key key = packet_key(&spec, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow;

    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    list_add(BLACK, "10.0.0.1", 1);
    /* Not yet in force: user space raises the generation after it changed the maps. */
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    list_changed();
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT(flow_get(&key, &flow));
    EXPECT_EQ(flow.judgement, NTC_JUDGEMENT(2, 1, NTC_DROP));
    EXPECT_EQ(flow.action, NTC_DROP);
    EXPECT_EQ(flow_packets(&flow), 4);
    list_remove(BLACK, "10.0.0.1");
    list_changed();
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT_EQ(hits(1).packets, 2);
}

/* User space says which tries hold nothing, and whoever says so of one that does gets what he said.
 */
static void test_empty_tries(void)
{
    static const struct {
        List list;
        const char *ip, *from, *to;
        uint32_t trie;
    } rows[] = {{BLACK, "10.0.0.1", "10.0.0.1", "10.0.0.2", NTC_TRIE_BLACK4},
            {BLACK, "2001:db8::1", "2001:db8::1", "2001:db8::2", NTC_TRIE_BLACK6},
            {WHITE, "10.0.0.2", "10.0.0.1", "10.0.0.2", NTC_TRIE_WHITE4},
            {WHITE, "2001:db8::2", "2001:db8::1", "2001:db8::2", NTC_TRIE_WHITE6}};

    for (size_t i = 0; i < 4; i++) {
        PacketSpec spec = {.src = rows[i].from, .dst = rows[i].to};

        harness_reset();
        list_add(rows[i].list, rows[i].ip, 1);
        harness_control()->empty_tries = ~rows[i].trie;
        EXPECT_EQ(run_spec(INGRESS, &spec), rows[i].list == BLACK ? SHOT : NEXT);
        EXPECT_EQ(hits(1).packets, 1);
        harness_control()->empty_tries = rows[i].trie;
        list_changed();
        EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
        EXPECT_EQ(hits(1).packets, 1);
    }
}

static void test_generation_wraps(void)
{
    harness_control()->generation = UINT32_MAX;
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){}), NEXT);
    list_add(BLACK, "10.0.0.1", 1);
    harness_control()->generation = 1;
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){}), SHOT);
}

/* A connection's SSH packets don't leave a verdict behind that its others would take. */
static void test_ssh_does_not_poison(void)
{
    PacketSpec spec = {.sport = 22, .flags = SYN_ACK};

    list_add(BLACK, "10.0.0.1", 1);
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    spec.flags = SYN;
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    spec.flags = ACK;
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT_EQ(hits(1).packets, 1);
}

static void test_ssh_ports_are_configurable(void)
{
    struct ntc_control *control = harness_control();

    list_add(BLACK, "10.0.0.1", 1);
    control->ssh_ports[0] = 0;
    control->ssh_ports[2222 / 64] |= 1ULL << (2222 % 64);
    control->ssh_ports[1023] |= 1ULL << 63;
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){.dport = 22}), SHOT);
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){.dport = 2222}), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){.dport = 65535}), NEXT);
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){.dport = 2223}), SHOT);
}

int main(void)
{
    static const TestCase cases[] = {
            {"SSH, whitelist, blacklist on every program", test_verdicts},
            {"the longest prefix is hit", test_longest_prefix_is_hit},
            {"a changed list re-judges known flows", test_change_rejudges},
            {"tries that are told to be empty are not looked into", test_empty_tries},
            {"the generation wraps", test_generation_wraps},
            {"an SSH packet does not decide for others", test_ssh_does_not_poison},
            {"SSH ports are configurable", test_ssh_ports_are_configurable},
    };

    return harness_main("verdict", cases, sizeof(cases) / sizeof(cases[0]));
}
