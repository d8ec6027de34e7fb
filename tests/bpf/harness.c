/* SPDX-License-Identifier: MIT */
#include "harness-internal.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ntc_bpf *harness_skeleton;
static struct ring_buffer *ring;
static struct ntc_event events[HARNESS_EVENTS_MAX];
static size_t n_events;
static int failures;
static char row[128];

void harness_row(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(row, sizeof(row), format, args);
    va_end(args);
}

bool harness_expect(bool ok, const char *file, int line, const char *what)
{
    if (!ok) {
        failures++;
        printf("    %s:%d: [%s] not so: %s\n", file, line, row, what);
    }
    return ok;
}

bool harness_expect_eq(int64_t left, int64_t right, const char *file, int line, const char *what)
{
    if (left != right) {
        failures++;
        printf("    %s:%d: [%s] %s: %lld, %lld\n", file, line, row, what, (long long)left,
                (long long)right);
    }
    return left == right;
}

void harness_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

void pin_to_cpu(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        harness_die("sched_setaffinity");
}

struct ntc_control *harness_control(void)
{
    return &harness_skeleton->data_control->ntc_control;
}

struct ntc_known *harness_known(void)
{
    return harness_skeleton->data_known->ntc_known;
}

int harness_program_fd(Program program)
{
    const struct bpf_program *programs[_PROGRAM_MAX] = {
            [INGRESS] = harness_skeleton->progs.ntc_ingress,
            [EGRESS] = harness_skeleton->progs.ntc_egress,
            [INGRESS_IP] = harness_skeleton->progs.ntc_ingress_ip,
            [EGRESS_IP] = harness_skeleton->progs.ntc_egress_ip,
    };

    return bpf_program__fd(programs[program]);
}

static int on_event(void *userdata, void *data, size_t size)
{
    if (size >= sizeof(events[0]) && n_events < HARNESS_EVENTS_MAX)
        memcpy(&events[n_events++], data, sizeof(events[0]));
    return 0;
}

size_t events_take(const struct ntc_event **ret)
{
    n_events = 0;
    ring_buffer__consume(ring);
    if (ret)
        *ret = events;
    return n_events;
}

static void load(void)
{
    harness_skeleton = ntc_bpf__open();
    if (!harness_skeleton)
        harness_die("open the eBPF object");
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_flows4, HARNESS_FLOWS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_flows6, HARNESS_FLOWS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_hits, HARNESS_LISTS / NTC_HITS_SLOTS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_black4, HARNESS_LISTS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_black6, HARNESS_LISTS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_white4, HARNESS_LISTS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_white6, HARNESS_LISTS);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_fragments, 64);
    bpf_map__set_max_entries(harness_skeleton->maps.ntc_events, HARNESS_RING_BYTES);
    if (ntc_bpf__load(harness_skeleton) < 0)
        harness_die("load the eBPF program");
    ring = ring_buffer__new(bpf_map__fd(harness_skeleton->maps.ntc_events), on_event, NULL, NULL);
    if (!ring)
        harness_die("map the ring buffer");
}

static int run(
        Program program, const void *data, size_t size, struct __sk_buff *context, uint32_t repeat)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (__u32)size,
            .ctx_in = context, .ctx_size_in = context ? sizeof(*context) : 0,
            .repeat = (int)repeat);

    if (bpf_prog_test_run_opts(harness_program_fd(program), &opts) < 0) {
        failures++;
        printf("    [%s] the kernel refused to run %zu bytes: %s\n", row, size, strerror(errno));
        return 1000;
    }
    return (int)opts.retval;
}

int run_bytes(Program program, const void *data, size_t size)
{
    return run(program, data, size, NULL, 1);
}

int run_packet(Program program, const Packet *packet)
{
    return run(program, packet->data, packet->size, NULL, 1);
}

int run_spec(Program program, const PacketSpec *spec)
{
    Packet packet;

    packet_build(&packet, spec);
    return run_packet(program, &packet);
}

int run_gso(Program program, const Packet *packet, uint32_t gso_segs, uint32_t gso_size)
{
    struct __sk_buff context = {.gso_segs = gso_segs, .gso_size = gso_size};

    return run(program, packet->data, packet->size, &context, 1);
}

int run_repeat(Program program, const Packet *packet, uint32_t repeat)
{
    return run(program, packet->data, packet->size, NULL, repeat);
}

int run_on_interface(Program program, const Packet *packet, uint32_t ifindex)
{
    struct __sk_buff context = {.ifindex = ifindex};

    return run(program, packet->data, packet->size, &context, 1);
}

static void self_check(void)
{
    struct ntc_counters c = counters();
    uint64_t flows = harness_flow_packets();

    harness_row("self-check");
    EXPECT_EQ(counted_packets(), flows + c.untracked + counted_nonip() + c.unreadable);
}

int harness_main(const char *suite, const TestCase *cases, size_t n_cases)
{
    size_t failed = 0;

    load();
    for (size_t i = 0; i < n_cases; i++) {
        failures = 0;
        harness_reset();
        harness_row("%s", cases[i].name);
        cases[i].run();
        self_check();
        printf("%s %s: %s\n", failures ? "FAIL" : "PASS", suite, cases[i].name);
        fflush(stdout);
        failed += failures > 0;
    }
    printf("%s: %zu passed, %zu failed\n", suite, n_cases - failed, failed);
    ring_buffer__free(ring);
    ntc_bpf__destroy(harness_skeleton);
    return failed ? 1 : 0;
}
