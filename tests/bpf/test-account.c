/* SPDX-License-Identifier: MIT */
/* The exact plane: super-packets, a full flow map, per-CPU counters, CPUs racing for one flow, and
 * lists that change meanwhile. */

#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define V6       .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef struct GsoRow {
    const char *name;
    PacketSpec spec;
    uint32_t gso_segs, gso_size, packets;
} GsoRow;

static const GsoRow gso_rows[] = {
        {"no GSO", {.payload_bytes = 1000}, 0, 0, 1},
        {"ten segments", {.payload_bytes = 1000}, 10, 100, 10},
        {"segments not told, even", {.payload_bytes = 1000}, 0, 100, 10},
        {"segments not told, one over", {.payload_bytes = 1001}, 0, 100, 11},
        {"segments not told, one", {.payload_bytes = 100}, 0, 100, 1},
        {"segments not told, no payload", {}, 0, 100, 1},
        {"one segment", {.payload_bytes = 50}, 1, 100, 1},
        {"TCP options", {.payload_bytes = 1000, .tcp_words = 8}, 0, 100, 10},
        {"a tag in band", {.payload_bytes = 1000, .vlans = {0x8100}}, 0, 100, 10},
        {"IPv4 options", {.payload_bytes = 1000, .ihl = 10}, 0, 100, 10},
        {"IPv6", {V6, .payload_bytes = 1000}, 10, 100, 10},
        {"IPv6 with options",
                {V6, .payload_bytes = 1000, .headers = {HOPOPTS, DSTOPTS}, .n_headers = 2}, 0, 100,
                10},
        {"UDP", {.protocol = UDP, .payload_bytes = 1000}, 0, 100, 10},
        {"SCTP", {.protocol = SCTP, .payload_bytes = 1000}, 10, 100, 10},
};

static void check_gso(const GsoRow *row, Program program)
{
    PacketSpec spec = row->spec;
    struct ntc_flow_key key;
    struct ntc_flow flow = {};
    struct ntc_count sum = {};
    struct ntc_counters c;
    Packet packet;
    uint64_t bytes;

    spec.raw_ip = program == INGRESS_IP || program == EGRESS_IP;
    if (spec.raw_ip && spec.vlans[0])
        return;
    harness_reset();
    harness_row("%s, program %d", row->name, (int)program);
    list_add(BLACK, "10.0.0.1", 1);
    list_add(BLACK, "2001:db8::1", 1);
    packet_build(&packet, &spec);
    key = packet_key(&spec, program & 1, HARNESS_IFINDEX);
    bytes = packet.size + (row->packets - 1) * packet.payload;
    EXPECT_EQ(run_gso(program, &packet, row->gso_segs, row->gso_size), SHOT);

    c = counters();
    for (unsigned p = 0; p < NTC_PROTOS; p++) {
        sum.packets += c.by[p][program & 1][NTC_DROP].packets;
        sum.bytes += c.by[p][program & 1][NTC_DROP].bytes;
    }
    EXPECT_EQ(sum.packets, row->packets);
    EXPECT_EQ(sum.bytes, bytes);
    EXPECT(flow_get(&key, &flow));
    EXPECT_EQ(flow_packets(&flow), row->packets);
    EXPECT_EQ(flow_bytes(&flow), bytes);
    EXPECT_EQ(hits(1).packets, row->packets);
    EXPECT_EQ(hits(1).bytes, bytes);
}

static void test_gso(void)
{
    for (size_t i = 0; i < COUNT(gso_rows); i++)
        for (Program program = INGRESS; program < _PROGRAM_MAX; program++)
            check_gso(&gso_rows[i], program);
}

static void test_map_full(void)
{
    PacketSpec spec = {};
    struct ntc_flow_key first = packet_key(&spec, NTC_INGRESS, HARNESS_IFINDEX);

    first.sport = 1;
    list_add(BLACK, "10.0.0.9", 1);
    for (uint16_t port = 1; port <= HARNESS_FLOWS + 50; port++) {
        spec.sport = port;
        EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    }
    EXPECT_EQ(flow_count(), HARNESS_FLOWS);
    EXPECT_EQ(harness_control()->flows4_full, 1);
    EXPECT_EQ(counters().untracked, 50);
    EXPECT_EQ(counted_packets(), HARNESS_FLOWS + 50);

    harness_row("without room the lists decide all the same");
    spec.src = "10.0.0.9";
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT_EQ(hits(1).packets, 1);
    EXPECT_EQ(counters().untracked, 51);

    harness_row("a flow that is there is found");
    spec = (PacketSpec){.sport = 7};
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT_EQ(counters().untracked, 51);

    harness_row("unless its bit is missing");
    memset(&harness_known()[1], 0, sizeof(struct ntc_known));
    harness_control()->known = 1;
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT_EQ(counters().untracked, 52);
    harness_control()->known = 0;
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT_EQ(counters().untracked, 52);
    spec = (PacketSpec){.sport = HARNESS_FLOWS + 50, .src = "10.0.0.9"};

    harness_row("the flag is believed until user space clears it");
    EXPECT(flow_end(&first));
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT_EQ(counters().untracked, 53);
    harness_control()->flows4_full = 0;
    EXPECT_EQ(run_spec(INGRESS, &spec), SHOT);
    EXPECT_EQ(counters().untracked, 53);
    EXPECT_EQ(flow_count(), HARNESS_FLOWS);
    EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){.sport = 2}), NEXT);
    EXPECT_EQ(counters().untracked, 53);
}

/* A flood of one family's flows leaves the other's alone. */
static void test_one_map_full(void)
{
    PacketSpec spec = {}, other = {.src = "2001:db8::1", .dst = "2001:db8::2"};

    for (uint16_t port = 1; port <= HARNESS_FLOWS + 1; port++) {
        spec.sport = port;
        EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    }
    EXPECT_EQ(counters().untracked, 1);
    EXPECT_EQ(harness_control()->flows4_full, 1);
    EXPECT_EQ(run_spec(INGRESS, &other), NEXT);
    EXPECT_EQ(counters().untracked, 1);
    EXPECT_EQ(harness_control()->flows6_full, 0);
    EXPECT_EQ(flow_count(), HARNESS_FLOWS + 1);
}

static void test_per_cpu(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    for (int cpu = 0; cpu < cpus && cpu < 8; cpu++) {
        pin_to_cpu(cpu);
        for (int i = 0; i <= cpu; i++)
            EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){}), NEXT);
        EXPECT_EQ(counters_of_cpu(cpu).by[NTC_PROTO_TCP][NTC_INGRESS][NTC_PASS].packets, cpu + 1);
    }
    pin_to_cpu(0);
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* Flows tell CLOCK_MONOTONIC, by a few ticks at most. */
static void test_clock(void)
{
    enum { SLACK_NS = 50000000 };
    struct timespec pause = {.tv_nsec = 100000000};
    PacketSpec spec = {};
    struct ntc_flow_key key = packet_key(&spec, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow = {};
    uint64_t first_ns = monotonic_ns(), last_ns;

    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    nanosleep(&pause, NULL);
    last_ns = monotonic_ns();
    EXPECT_EQ(run_spec(INGRESS, &spec), NEXT);
    EXPECT(flow_get(&key, &flow));
    EXPECT(flow.first_seen_ns + SLACK_NS > first_ns && flow.first_seen_ns < first_ns + SLACK_NS);
    EXPECT(flow.last_seen_ns + SLACK_NS > last_ns && flow.last_seen_ns < last_ns + SLACK_NS);
}

typedef struct Racer {
    pthread_t thread;
    int cpu;
    uint16_t first_port;
    uint16_t n_ports;
    uint32_t repeat;
} Racer;

static pthread_barrier_t barrier;

static void *race(void *userdata)
{
    const Racer *racer = userdata;

    pin_to_cpu(racer->cpu);
    pthread_barrier_wait(&barrier);
    for (uint16_t i = 0; i < racer->n_ports; i++) {
        PacketSpec spec = {.sport = (uint16_t)(racer->first_port + i)};
        Packet packet;

        packet_build(&packet, &spec);
        run_repeat(INGRESS, &packet, racer->repeat);
    }
    return NULL;
}

static void race_on_two_cpus(uint16_t n_ports, uint32_t repeat)
{
    Racer racers[2];

    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 2; i++) {
        racers[i] = (Racer){.cpu = i, .first_port = 1000, .n_ports = n_ports, .repeat = repeat};
        pthread_create(&racers[i].thread, NULL, race, &racers[i]);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(racers[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
}

static void test_two_cpus_one_flow(void)
{
    enum { REPEAT = 1000000 };
    PacketSpec spec = {.sport = 1000};
    struct ntc_flow_key key = packet_key(&spec, NTC_INGRESS, HARNESS_IFINDEX);
    struct ntc_flow flow = {};
    struct ntc_counters c;

    race_on_two_cpus(1, REPEAT);
    EXPECT(flow_get(&key, &flow));
    EXPECT_EQ(flow_packets(&flow), 2 * REPEAT);
    EXPECT_EQ(flow_bytes(&flow), 2ULL * REPEAT * 54);
    c = counters();
    EXPECT_EQ(c.by[NTC_PROTO_TCP][NTC_INGRESS][NTC_PASS].packets, 2 * REPEAT);
    EXPECT_EQ(c.by[NTC_PROTO_TCP][NTC_INGRESS][NTC_PASS].bytes, 2ULL * REPEAT * 54);
    EXPECT_EQ(c.untracked, 0);
}

/* Both want to create the same entries at the same time. */
static void test_two_cpus_create(void)
{
    for (int round = 0; round < 50; round++) {
        harness_reset();
        race_on_two_cpus(200, 1);
        EXPECT_EQ(flow_count(), 200);
        EXPECT_EQ(counted_packets(), 400);
        EXPECT_EQ(counters().untracked, 0);
    }
}

/* Both run into the limit at the same time. */
static void test_two_cpus_fill(void)
{
    race_on_two_cpus(HARNESS_FLOWS + 100, 3);
    EXPECT_EQ(counted_packets(), 2 * 3 * (HARNESS_FLOWS + 100));
    EXPECT_EQ(harness_control()->flows4_full, 1);
    EXPECT(flow_count() <= HARNESS_FLOWS);
}

static void *hammer(void *userdata)
{
    volatile bool *stop = userdata;
    Packet packet;

    pin_to_cpu(1);
    packet_build(&packet, &(PacketSpec){});
    while (!*stop)
        run_repeat(INGRESS, &packet, 100);
    return NULL;
}

/* The other CPU sees the flow all the while: no old verdict survives under a new generation. */
static void test_lists_change_under_load(void)
{
    volatile bool stop = false;
    pthread_t thread;

    pthread_create(&thread, NULL, hammer, (void *)&stop);
    for (int i = 0; i < 2000; i++) {
        list_add(BLACK, "10.0.0.1", 1);
        list_changed();
        if (!EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){}), SHOT))
            break;
        list_remove(BLACK, "10.0.0.1");
        list_changed();
        if (!EXPECT_EQ(run_spec(INGRESS, &(PacketSpec){}), NEXT))
            break;
    }
    stop = true;
    pthread_join(thread, NULL);
}

/* Two interfaces, and frames over both, in a namespace of the test's own. */
static void test_interfaces(void)
{
    PacketSpec spec = {};
    struct ntc_flow_key key;
    struct ntc_flow flow;
    Packet packet;

    if (!EXPECT(unshare(CLONE_NEWNET) == 0) ||
            !EXPECT(system("ip link add name left type veth peer name right") == 0))
        return;
    packet_build(&packet, &spec);
    for (uint32_t ifindex = 2; ifindex <= 3; ifindex++) {
        harness_row("ifindex %u", ifindex);
        EXPECT_EQ(run_on_interface(INGRESS, &packet, ifindex), NEXT);
        key = packet_key(&spec, NTC_INGRESS, ifindex);
        EXPECT(flow_get(&key, &flow) && flow_packets(&flow) == 1);
    }
    EXPECT_EQ(flow_count(), 2);
}

int main(void)
{
    static const TestCase cases[] = {
            {"super-packets count as their segments", test_gso},
            {"a full map", test_map_full},
            {"one full map beside another", test_one_map_full},
            {"each CPU has counters of its own", test_per_cpu},
            {"first and last seen", test_clock},
            {"two CPUs on one flow", test_two_cpus_one_flow},
            {"two CPUs create the same flows", test_two_cpus_create},
            {"two CPUs fill the map", test_two_cpus_fill},
            {"lists change under load", test_lists_change_under_load},
            {"the interface is in the key", test_interfaces},
    };

    return harness_main("account", cases, COUNT(cases));
}
