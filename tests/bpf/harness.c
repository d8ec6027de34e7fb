/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "ntc.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 1024

static struct ntc_bpf *skeleton;
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

static void die(const char *what)
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
        die("sched_setaffinity");
}

struct ntc_control *harness_control(void)
{
    return &skeleton->data_control->ntc_control;
}

int harness_flows_fd(void)
{
    return bpf_map__fd(skeleton->maps.ntc_flows);
}

int harness_program_fd(Program program)
{
    const struct bpf_program *programs[_PROGRAM_MAX] = {
            [INGRESS] = skeleton->progs.ntc_ingress,
            [EGRESS] = skeleton->progs.ntc_egress,
            [INGRESS_IP] = skeleton->progs.ntc_ingress_ip,
            [EGRESS_IP] = skeleton->progs.ntc_egress_ip,
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
    skeleton = ntc_bpf__open();
    if (!skeleton)
        die("open the eBPF object");
    bpf_map__set_max_entries(skeleton->maps.ntc_flows, HARNESS_FLOWS);
    bpf_map__set_max_entries(skeleton->maps.ntc_hits, HARNESS_LISTS);
    bpf_map__set_max_entries(skeleton->maps.ntc_black4, HARNESS_LISTS);
    bpf_map__set_max_entries(skeleton->maps.ntc_black6, HARNESS_LISTS);
    bpf_map__set_max_entries(skeleton->maps.ntc_white4, HARNESS_LISTS);
    bpf_map__set_max_entries(skeleton->maps.ntc_white6, HARNESS_LISTS);
    bpf_map__set_max_entries(skeleton->maps.ntc_fragments, 64);
    bpf_map__set_max_entries(skeleton->maps.ntc_events, HARNESS_RING_BYTES);
    if (ntc_bpf__load(skeleton) < 0)
        die("load the eBPF program");
    ring = ring_buffer__new(bpf_map__fd(skeleton->maps.ntc_events), on_event, NULL, NULL);
    if (!ring)
        die("map the ring buffer");
}

static void empty_map(struct bpf_map *map)
{
    uint8_t key[64];

    while (bpf_map_get_next_key(bpf_map__fd(map), NULL, key) == 0)
        if (bpf_map_delete_elem(bpf_map__fd(map), key) < 0)
            die("delete from a map");
}

static void zero_percpu(struct bpf_map *map, uint32_t n, size_t value_size)
{
    int cpus = libbpf_num_possible_cpus();
    void *zeroes = calloc((size_t)cpus, (value_size + 7) & ~(size_t)7);

    for (uint32_t i = 0; i < n; i++)
        if (!zeroes || bpf_map_update_elem(bpf_map__fd(map), &i, zeroes, BPF_ANY) < 0)
            die("zero a map");
    free(zeroes);
}

void harness_reset(void)
{
    struct ntc_control *control = harness_control();

    empty_map(skeleton->maps.ntc_flows);
    empty_map(skeleton->maps.ntc_fragments);
    empty_map(skeleton->maps.ntc_black4);
    empty_map(skeleton->maps.ntc_black6);
    empty_map(skeleton->maps.ntc_white4);
    empty_map(skeleton->maps.ntc_white6);
    zero_percpu(skeleton->maps.ntc_counters, 1, sizeof(struct ntc_counters));
    zero_percpu(skeleton->maps.ntc_hits, HARNESS_LISTS, sizeof(struct ntc_count));
    events_take(NULL);
    memset(control, 0, sizeof(*control));
    control->generation = 1;
    control->abi_version = NTC_ABI_VERSION;
    control->ssh_ports[0] = 1ULL << 22;
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

static void list_edit(List list, const char *prefix, uint32_t slot, bool remove)
{
    struct ntc_prefix6 key6 = {};
    struct ntc_prefix4 key4 = {};
    char address[64];
    unsigned bits = 0;
    bool given = sscanf(prefix, "%63[^/]/%u", address, &bits) == 2;
    bool ipv4 = packet_address(address, key6.address);
    const void *key = ipv4 ? (const void *)&key4 : &key6;
    struct bpf_map *map;
    int r;

    memcpy(key4.address, key6.address + 12, 4);
    key4.bits = given ? bits : 32;
    key6.bits = given ? bits : 128;
    if (ipv4)
        map = list == BLACK ? skeleton->maps.ntc_black4 : skeleton->maps.ntc_white4;
    else
        map = list == BLACK ? skeleton->maps.ntc_black6 : skeleton->maps.ntc_white6;
    r = remove ? bpf_map_delete_elem(bpf_map__fd(map), key)
               : bpf_map_update_elem(bpf_map__fd(map), key, &slot, BPF_ANY);
    if (r < 0)
        die(prefix);
}

void list_add(List list, const char *prefix, uint32_t slot)
{
    list_edit(list, prefix, slot, false);
}

void list_remove(List list, const char *prefix)
{
    list_edit(list, prefix, 0, true);
}

void list_changed(void)
{
    __atomic_add_fetch(&harness_control()->generation, 1, __ATOMIC_RELEASE);
}

static void read_percpu(struct bpf_map *map, uint32_t index, void *values)
{
    if (bpf_map_lookup_elem(bpf_map__fd(map), &index, values) < 0)
        die("read a map");
}

/* All members are u64, so that sums go word by word. */
static void sum_words(uint64_t *to, const void *values, size_t words)
{
    const uint64_t *from = values;

    for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
        for (size_t i = 0; i < words; i++)
            to[i] += *from++;
}

static struct ntc_counters percpu[CPUS_MAX];

struct ntc_counters counters(void)
{
    struct ntc_counters sum = {};

    read_percpu(skeleton->maps.ntc_counters, 0, percpu);
    sum_words((uint64_t *)&sum, percpu, sizeof(sum) / 8);
    return sum;
}

struct ntc_counters counters_of_cpu(int cpu)
{
    read_percpu(skeleton->maps.ntc_counters, 0, percpu);
    return percpu[cpu];
}

struct ntc_count hits(uint32_t slot)
{
    struct ntc_count values[CPUS_MAX], sum = {};

    read_percpu(skeleton->maps.ntc_hits, slot, values);
    sum_words((uint64_t *)&sum, values, sizeof(sum) / 8);
    return sum;
}

static uint64_t sum_of_class(const struct ntc_counters *c, unsigned class)
{
    uint64_t sum = 0;

    for (unsigned d = 0; d < NTC_DIRECTIONS; d++)
        for (unsigned a = 0; a < NTC_ACTIONS; a++)
            sum += c->by[class][d][a].packets;
    return sum;
}

uint64_t counted_packets(void)
{
    struct ntc_counters c = counters();
    uint64_t sum = 0;

    for (unsigned p = 0; p < NTC_PROTOS; p++)
        sum += sum_of_class(&c, p);
    return sum;
}

bool flow_get(const struct ntc_flow_key *key, struct ntc_flow *ret)
{
    return bpf_map_lookup_elem(harness_flows_fd(), key, ret) == 0;
}

static size_t walk_flows(uint64_t *ret_packets)
{
    struct ntc_flow_key key;
    struct ntc_flow flow;
    void *from = NULL;
    size_t n = 0;

    while (bpf_map_get_next_key(harness_flows_fd(), from, &key) == 0) {
        if (flow_get(&key, &flow))
            *ret_packets += flow.packets;
        from = &key;
        n++;
    }
    return n;
}

size_t flow_count(void)
{
    uint64_t packets = 0;

    return walk_flows(&packets);
}

static void self_check(void)
{
    struct ntc_counters c = counters();
    uint64_t flows = 0;

    walk_flows(&flows);
    harness_row("self-check");
    EXPECT_EQ(counted_packets(),
            flows + c.untracked + sum_of_class(&c, NTC_PROTO_NONIP) + c.unreadable);
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
    ntc_bpf__destroy(skeleton);
    return failed ? 1 : 0;
}
