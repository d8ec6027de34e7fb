/* SPDX-License-Identifier: MIT */
/* usage: test-flood FLOOD
 *
 * The program alone under the load generator, at the fastest rate the machine gives, on all CPUs:
 * what it counted is what the interface received, to the packet; and no packet is judged by an old
 * list once the generation was raised. */

#include "harness.h"

#include <bpf/bpf.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of Linux 6.6; the headers of Debian 12 are older. */
#define TCX_INGRESS ((enum bpf_attach_type)46)

enum {
    CPUS_MAX = 8,
    FRAME_BYTES = 60,
    PACKETS = 5000000,
};

static const char *generator;
static int cpus;

static bool set_up(void)
{
    static bool done;
    char command[512];

    if (done)
        return true;
    snprintf(command, sizeof(command),
            "ip link add left numrxqueues %d numtxqueues %d type veth "
            "peer name right numrxqueues %d numtxqueues %d && "
            "sysctl -qw net.ipv6.conf.left.disable_ipv6=1 && "
            "sysctl -qw net.ipv6.conf.right.disable_ipv6=1 && "
            "ethtool -K right gro on && ip link set left up && ip link set right up",
            cpus, cpus, cpus, cpus);
    done = EXPECT(unshare(CLONE_NEWNET) == 0) && EXPECT(system(command) == 0) &&
           EXPECT(bpf_link_create(harness_program_fd(INGRESS), (int)if_nametoindex("right"),
                          TCX_INGRESS, NULL) >= 0);
    return done;
}

static uint64_t received(void)
{
    FILE *file = popen("ip -j -s link show right | "
                       "sed 's/.*\"rx\":{[^}]*\"packets\":\\([0-9]*\\).*/\\1/'",
            "re");
    uint64_t packets = 0;

    EXPECT(file && fscanf(file, "%" SCNu64, &packets) == 1);
    if (file)
        pclose(file);
    return packets;
}

static FILE *flood_start(uint64_t packets, unsigned flows, unsigned sources)
{
    char command[512];
    FILE *file;

    snprintf(command, sizeof(command),
            "%s --interface left --packets %" PRIu64
            " --flows %u --sources %u --blacklisted 10 --cpus %d",
            generator, packets, flows, sources, cpus);
    file = popen(command, "re");
    EXPECT(file != NULL);
    return file;
}

static uint64_t flood_wait(FILE *file, uint64_t *ret_blacklisted)
{
    uint64_t sent = 0, blacklisted = 0;
    double seconds = 0;

    EXPECT(file && fscanf(file,
                           "{\"sent\":%" SCNu64 ",\"blacklisted\":%" SCNu64
                           ",\"frame_bytes\":%*u,\"seconds\":%lf",
                           &sent, &blacklisted, &seconds) == 3);
    if (file)
        EXPECT_EQ(pclose(file), 0);
    printf("    %" PRIu64 " packets in %.2f s\n", sent, seconds);
    *ret_blacklisted = blacklisted;
    return sent;
}

static struct ntc_count ingress(enum ntc_action action)
{
    return counters().by[NTC_PROTO_UDP][NTC_INGRESS][action];
}

/* Every packet that arrived is counted, and every one sent arrived: the ring of a veth whose
 * receiver runs on the sending CPU does not fill. */
static void check_exact(unsigned flows, unsigned sources)
{
    uint64_t before, sent, got, blacklisted;

    if (!set_up())
        return;
    list_add(BLACK, "198.18.0.0/15", 1);
    before = received();
    sent = flood_wait(flood_start(PACKETS, flows, sources), &blacklisted);
    usleep(100000);
    got = received() - before;
    EXPECT_EQ(sent, PACKETS);
    EXPECT_EQ(got, sent);
    EXPECT_EQ(counted_packets(), got);
    EXPECT_EQ(ingress(NTC_DROP).packets, blacklisted);
    EXPECT_EQ(ingress(NTC_PASS).packets, got - blacklisted);
    EXPECT_EQ(ingress(NTC_PASS).bytes, (got - blacklisted) * FRAME_BYTES);
    EXPECT_EQ(hits(1).packets, blacklisted);
    EXPECT_EQ(flow_count(), flows < HARNESS_FLOWS ? flows : HARNESS_FLOWS);
    EXPECT_EQ(harness_control()->flows4_full, flows > HARNESS_FLOWS);
    EXPECT_EQ(counters().untracked > 0, flows > HARNESS_FLOWS);
}

static void test_many_flows(void)
{
    check_exact(250, 100);
}

static void test_one_flow(void)
{
    check_exact(1, 1);
}

static void test_more_flows_than_room(void)
{
    check_exact(5000, 1000);
}

/* 10 ms after the lists changed, nothing is judged by the old ones; at both turns, many times. */
static void test_lists_change(void)
{
    uint64_t blacklisted;
    FILE *file;

    if (!set_up())
        return;
    file = flood_start(2 * PACKETS, 200, 100);
    for (int i = 0; i < 1000 && ingress(NTC_PASS).packets == 0; i++)
        usleep(1000);
    for (int i = 0; i < 10; i++) {
        enum ntc_action gone = i % 2 == 0 ? NTC_PASS : NTC_DROP;
        uint64_t early, still;

        if (gone == NTC_PASS)
            list_add(BLACK, "0.0.0.0/0", 1);
        else
            list_remove(BLACK, "0.0.0.0/0");
        list_changed();
        usleep(10000);
        early = ingress(gone).packets;
        still = ingress(NTC_PASS + NTC_DROP - gone).packets;
        usleep(30000);
        EXPECT_EQ(ingress(gone).packets, early);
        EXPECT(ingress(NTC_PASS + NTC_DROP - gone).packets > still);
    }
    EXPECT_EQ(counted_packets(), (flood_wait(file, &blacklisted)));
}

int main(int argc, char *argv[])
{
    static const TestCase cases[] = {
            {"many flows", test_many_flows},
            {"one flow on all CPUs", test_one_flow},
            {"more flows than there is room", test_more_flows_than_room},
            {"lists change under full load", test_lists_change},
    };

    if (argc != 2) {
        fprintf(stderr, "usage: test-flood FLOOD\n");
        return 2;
    }
    generator = argv[1];
    cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus > CPUS_MAX)
        cpus = CPUS_MAX;
    return harness_main("flood", cases, sizeof(cases) / sizeof(cases[0]));
}
