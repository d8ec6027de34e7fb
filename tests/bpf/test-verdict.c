/* SPDX-License-Identifier: MIT */
/* One packet at a time through the real program, by BPF_PROG_TEST_RUN: verdict, flow, counters. */

#include "abi.h"
#include "ntc.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

enum { NEXT = -1, SHOT = 2, SYN = 0x02, SYN_ACK = 0x12 };

typedef struct Case {
    const char *name;
    __u16 sport, dport;
    __u8 flags;
    const char *black, *white; /* listed before the packet */
    int verdict;
    enum ntc_action action;
} Case;

/* Ethernet, IPv4 10.0.0.1 -> 10.0.0.2, TCP. */
static void build(__u8 frame[54], const Case *c)
{
    memset(frame, 0, 54);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = 40;
    frame[22] = 64;
    frame[23] = 6;
    memcpy(frame + 26, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
    frame[34] = (__u8)(c->sport >> 8);
    frame[35] = (__u8)c->sport;
    frame[36] = (__u8)(c->dport >> 8);
    frame[37] = (__u8)c->dport;
    frame[46] = 0x50;
    frame[47] = c->flags;
}

static int list(struct bpf_map *map, const char *prefix, __u32 slot)
{
    struct ntc_prefix4 key = {};
    char address[32];

    if (sscanf(prefix, "%31[^/]/%u", address, &key.bits) != 2)
        return -1;
    inet_pton(AF_INET, address, key.address);
    return bpf_map_update_elem(bpf_map__fd(map), &key, &slot, BPF_ANY);
}

/* The sum over CPUs of what the packet's class, direction and action counted. */
static __u64 counted(struct ntc_bpf *s, enum ntc_action action)
{
    static struct ntc_counters percpu[1024];
    __u32 zero = 0;
    __u64 sum = 0;

    if (bpf_map_lookup_elem(bpf_map__fd(s->maps.ntc_counters), &zero, percpu) < 0)
        return ~0ULL;
    for (int i = 0; i < libbpf_num_possible_cpus(); i++)
        sum += percpu[i].by[NTC_PROTO_TCP][NTC_INGRESS][action].packets;
    return sum;
}

static __u64 flow_packets(struct ntc_bpf *s)
{
    struct ntc_flow_key key;
    struct ntc_flow flow;

    if (bpf_map_get_next_key(bpf_map__fd(s->maps.ntc_flows), NULL, &key) < 0 ||
            bpf_map_lookup_elem(bpf_map__fd(s->maps.ntc_flows), &key, &flow) < 0)
        return 0;
    return flow.packets;
}

static int check(const Case *c)
{
    __u8 frame[54];
    struct ntc_bpf *s = ntc_bpf__open_and_load();
    LIBBPF_OPTS(
            bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
    int ok;

    if (!s)
        return 0;
    s->data_control->ntc_control.generation = 1;
    s->data_control->ntc_control.ssh_ports[0] = 1ULL << 22;
    build(frame, c);
    ok = (!c->black || list(s->maps.ntc_black4, c->black, 1) == 0) &&
         (!c->white || list(s->maps.ntc_white4, c->white, 2) == 0) &&
         bpf_prog_test_run_opts(bpf_program__fd(s->progs.ntc_ingress), &run) == 0 &&
         (int)run.retval == c->verdict && counted(s, c->action) == 1 && flow_packets(s) == 1;
    ntc_bpf__destroy(s);
    return ok;
}

int main(void)
{
    static const Case cases[] = {
            {"unlisted passes", 4000, 80, SYN, NULL, NULL, NEXT, NTC_PASS},
            {"blacklisted source drops", 4000, 80, SYN, "10.0.0.1/32", NULL, SHOT, NTC_DROP},
            {"blacklisted destination drops", 4000, 80, SYN, "10.0.0.2/32", NULL, SHOT, NTC_DROP},
            {"a prefix drops", 4000, 80, SYN, "10.0.0.0/8", NULL, SHOT, NTC_DROP},
            {"another prefix does not", 4000, 80, SYN, "11.0.0.0/8", NULL, NEXT, NTC_PASS},
            {"the whitelist beats a longer prefix", 4000, 80, SYN, "10.0.0.1/32", "10.0.0.0/8",
                    NEXT, NTC_SKIP},
            {"to port 22 always", 4000, 22, SYN, "10.0.0.1/32", NULL, NEXT, NTC_SSH},
            {"answer from port 22", 22, 4000, SYN_ACK, "10.0.0.1/32", NULL, NEXT, NTC_SSH},
            {"pure SYN from port 22", 22, 4000, SYN, "10.0.0.1/32", NULL, SHOT, NTC_DROP},
    };
    int failed = 0, n = sizeof(cases) / sizeof(cases[0]);

    for (int i = 0; i < n; i++) {
        int ok = check(&cases[i]);

        printf("%s %s\n", ok ? "PASS" : "FAIL", cases[i].name);
        failed += !ok;
    }
    printf("verdict: %d passed, %d failed\n", n - failed, failed);
    return failed ? 1 : 0;
}
