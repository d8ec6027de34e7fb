/* SPDX-License-Identifier: MIT */
#include "abi.h"
#include "bench.h"
#include "empty.skel.h"
#include "ntc.skel.h"
#include "usual.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static struct ntc_bpf *ntc;
static struct usual_bpf *usual;
static struct empty_bpf *empty;
static struct ring_buffer *ring;
static pthread_t consumer;
static volatile bool stop;
static uint64_t usual_lost_before;

static int ignore(void *userdata, void *data, size_t size)
{
    return 0;
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

/* User space of the usual design at its cheapest for the packets: it looks once a millisecond, so
 * that nobody has to wake it, and throws the records away. */
static void *consume(void *userdata)
{
    pin(0);
    while (!stop) {
        ring_buffer__consume(ring);
        usleep(1000);
    }
    return NULL;
}

/* --- setting up */

/* What the verifier leaves out or adds depends on who loads: CAP_PERFMON alone spares the guards
 * against speculation. */
static int become_the_unit(void)
{
    const uint64_t wanted = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON | 1ULL << CAP_BPF;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {};

    for (int i = 0; i < 2; i++)
        data[i].permitted = data[i].effective = (uint32_t)(wanted >> (32 * i));
    if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0 || syscall(SYS_capset, &header, data) < 0)
        return -errno;
    return 0;
}

/* As keys of the tries and of the usual design's hash maps. */
typedef struct Entries {
    uint32_t count;
    struct ntc_prefix4 *keys4;
    struct ntc_prefix6 *keys6;
    uint8_t (*plain)[16], (*mapped)[16];
    uint32_t *slots;
} Entries;

static int entries_init(Entries *entries, uint32_t count)
{
    entries->count = count;
    entries->keys4 = calloc(count, sizeof(*entries->keys4));
    entries->keys6 = calloc(count, sizeof(*entries->keys6));
    entries->plain = calloc(count, sizeof(*entries->plain));
    entries->mapped = calloc(count, sizeof(*entries->mapped));
    entries->slots = calloc(count, sizeof(*entries->slots));
    return entries->keys4 && entries->keys6 && entries->plain && entries->mapped && entries->slots
                   ? 0
                   : -ENOMEM;
}

static void entries_done(Entries *entries)
{
    free(entries->keys4);
    free(entries->keys6);
    free(entries->plain);
    free(entries->mapped);
    free(entries->slots);
}

/* Entries that hold none of the packets' addresses: what most packets meet. They are scattered over
 * all addresses, as those of published lists are; none begins with 10 or 2001. */
static uint32_t scattered(uint32_t i, int list)
{
    uint32_t address = (2 * i + (uint32_t)list + 1) * 2654435761U;

    return address >> 24 == 10 || address >> 24 == 0x20 ? address ^ 0x80000000U : address;
}

static void make_entries(int list, Entries *entries)
{
    for (uint32_t i = 0; i < entries->count; i++) {
        uint32_t address = htonl(scattered(i, list));

        entries->keys4[i].bits = 32;
        entries->keys6[i].bits = 128;
        entries->mapped[i][10] = entries->mapped[i][11] = 0xff;
        entries->slots[i] = 1;
        memcpy(entries->keys4[i].address, &address, 4);
        memcpy(entries->keys6[i].address, &address, 4);
        memcpy(entries->plain[i], &address, 4);
        memcpy(entries->mapped[i] + 12, &address, 4);
    }
}

static int fill_map(const struct bpf_map *map, const void *keys, const Entries *entries)
{
    uint32_t count = entries->count;

    return bpf_map_update_batch(bpf_map__fd(map), keys, entries->slots, &count, NULL) < 0 ? -errno
                                                                                          : 0;
}

static int fill_list(int list, uint32_t n)
{
    struct bpf_map *tries4[] = {ntc->maps.ntc_black4, ntc->maps.ntc_white4};
    struct bpf_map *tries6[] = {ntc->maps.ntc_black6, ntc->maps.ntc_white6};
    struct bpf_map *hashes[] = {usual->maps.usual_black, usual->maps.usual_white};
    Entries entries = {};
    int r = entries_init(&entries, n / 2 + n % 2);

    if (r >= 0) {
        make_entries(list, &entries);
        r = fill_map(tries4[list], entries.keys4, &entries);
    }
    if (r >= 0)
        r = fill_map(tries6[list], entries.keys6, &entries);
    if (r >= 0)
        r = fill_map(hashes[list], entries.plain, &entries);
    if (r >= 0)
        r = fill_map(hashes[list], entries.mapped, &entries);
    entries_done(&entries);
    return r;
}

static int open_programs(uint32_t entries)
{
    uint32_t room = entries + 2 > 1024 ? entries + 2 : 1024;

    ntc = ntc_bpf__open();
    usual = usual_bpf__open();
    empty = empty_bpf__open();
    if (!ntc || !usual || !empty)
        return -errno;
    bpf_map__set_max_entries(ntc->maps.ntc_black4, room);
    bpf_map__set_max_entries(ntc->maps.ntc_black6, room);
    bpf_map__set_max_entries(ntc->maps.ntc_white4, room);
    bpf_map__set_max_entries(ntc->maps.ntc_white6, room);
    bpf_map__set_max_entries(usual->maps.usual_black, room);
    bpf_map__set_max_entries(usual->maps.usual_white, room);
    if (ntc_bpf__load(ntc) < 0 || usual_bpf__load(usual) < 0 || empty_bpf__load(empty) < 0)
        return -errno;
    return 0;
}

int bench_load(uint32_t entries)
{
    int r = become_the_unit();

    if (r >= 0)
        r = open_programs(entries);
    if (r < 0)
        return r;
    ntc->data_control->ntc_control.generation = 1;
    ntc->data_control->ntc_control.ssh_ports[0] = 1ULL << 22;
    ring = ring_buffer__new(bpf_map__fd(usual->maps.usual_events), ignore, NULL, NULL);
    if (!ring || ring_buffer__add(ring, bpf_map__fd(ntc->maps.ntc_events), ignore, NULL) < 0)
        return -errno;
    pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
    if (pthread_create(&consumer, NULL, consume, NULL) != 0)
        return -EAGAIN;
    r = fill_list(0, entries);
    return r < 0 ? r : fill_list(1, entries);
}

void bench_unload(void)
{
    stop = true;
    if (ring)
        pthread_join(consumer, NULL);
    ring_buffer__free(ring);
    ntc_bpf__destroy(ntc);
    usual_bpf__destroy(usual);
    empty_bpf__destroy(empty);
}

uint64_t bench_usual_lost(void)
{
    uint64_t now = usual->bss->usual_lost, lost = now - usual_lost_before;

    usual_lost_before = now;
    return lost;
}

static void empty_map(int fd)
{
    static struct ntc_flow_key keys[FLOWS_MAX]; /* or their short form */
    uint32_t n = 0;

    for (void *from = NULL; n < FLOWS_MAX && bpf_map_get_next_key(fd, from, &keys[n]) == 0; n++)
        from = &keys[n];
    for (uint32_t i = 0; i < n; i++)
        bpf_map_delete_elem(fd, &keys[i]);
}

static bool filled;

static void empty_flows(void)
{
    filled = false;
    empty_map(bpf_map__fd(ntc->maps.ntc_flows4));
    empty_map(bpf_map__fd(ntc->maps.ntc_flows6));
}

static int fd_of(BenchProgram program, const BenchCase *bench)
{
    const struct bpf_program *programs[_BENCH_PROGRAM_MAX] = {
            [BENCH_EMPTY] = empty->progs.empty,
            [BENCH_USUAL] = usual->progs.usual,
            [BENCH_NTC] = bench->egress ? ntc->progs.ntc_egress : ntc->progs.ntc_ingress,
    };

    return bpf_program__fd(programs[program]);
}

static void vary_from(uint32_t first, uint32_t flows)
{
    empty->bss->vary_first = empty->bss->vary_next = first;
    empty->data->vary_flows = flows;
}

static int run_packets(int fd, const BenchCase *bench, uint32_t n)
{
    Packet packet;
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet.data, .repeat = (int)n);

    packet_build(&packet, &bench->spec);
    opts.data_size_in = (uint32_t)packet.size;
    return bpf_prog_test_run_opts(fd, &opts) < 0 ? -errno : 0;
}

/* As many flows as there is room for; those that come are others. */
static int fill_flows(const BenchCase *bench)
{
    int r;

    filled = true;
    vary_from(0, FLOWS_MAX);
    r = run_packets(bpf_program__fd(empty->progs.vary), bench, FLOWS_MAX);
    vary_from(FLOWS_MAX, bench->flows);
    return r;
}

static int prepare(BenchProgram program, const BenchCase *bench)
{
    struct ntc_control *control = &ntc->data_control->ntc_control;
    int target = fd_of(program, bench), r = 0;
    uint32_t zero = 0;

    control->budget_per_slice = bench->budget;
    control->drop_budget_per_slice = bench->budget;
    control->events_enabled = bench->budget > 0;
    if (program == BENCH_NTC && (bench->fresh || filled))
        empty_flows();
    control->flows4_full = control->flows6_full = 0;
    if (!bench->flows)
        return target;
    vary_from(0, bench->flows);
    if (bpf_map_update_elem(bpf_map__fd(empty->maps.vary_target), &zero, &target, BPF_ANY) < 0)
        return -errno;
    if (program == BENCH_NTC && bench->full)
        r = fill_flows(bench);
    control->flows4_full = control->flows6_full = bench->full;
    return r < 0 ? r : bpf_program__fd(empty->progs.vary);
}

static double thread_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

typedef struct Twin {
    pthread_t thread;
    const BenchCase *bench;
    int fd;
    volatile bool stop;
} Twin;

static void *run_twin(void *userdata)
{
    Twin *twin = userdata;

    pin(0);
    while (!twin->stop && run_packets(twin->fd, twin->bench, 1000) == 0)
        ;
    return NULL;
}

/* The thread's CPU time: what others do on this machine is not the packet's cost. */
static double measure(int fd, const BenchCase *bench)
{
    double before = thread_ns();
    int r = run_packets(fd, bench, bench->packets);

    return r < 0 ? r : (thread_ns() - before) / bench->packets;
}

double bench_run(BenchProgram program, const BenchCase *bench)
{
    int fd = prepare(program, bench);
    Twin twin = {.bench = bench, .fd = fd};
    double ns;

    if (fd < 0)
        return fd;
    if (bench->stale) {
        int r = run_packets(fd, bench, bench->packets);

        if (r < 0)
            return r;
        ntc->data_control->ntc_control.generation++;
    }
    if (bench->twin && pthread_create(&twin.thread, NULL, run_twin, &twin) != 0)
        return -EAGAIN;
    ns = measure(fd, bench);
    twin.stop = true;
    if (bench->twin)
        pthread_join(twin.thread, NULL);
    return ns;
}
