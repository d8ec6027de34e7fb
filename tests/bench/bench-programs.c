/* SPDX-License-Identifier: MIT */
#include "abi.h"
#include "bench.h"
#include "empty.skel.h"
#include "ntc.skel.h"
#include "usual.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* Prefixes that hold none of the packets' addresses: what most packets meet. */
static int fill_lists(void)
{
    struct bpf_map *tries4[] = {ntc->maps.ntc_black4, ntc->maps.ntc_white4};
    struct bpf_map *tries6[] = {ntc->maps.ntc_black6, ntc->maps.ntc_white6};
    struct bpf_map *hashes[] = {usual->maps.usual_black, usual->maps.usual_white};

    for (int list = 0; list < 2; list++) {
        for (uint32_t i = 0; i < PREFIXES / 2; i++) {
            uint8_t high = (uint8_t)(i >> 8), low = (uint8_t)i, net = (uint8_t)(18 + list);
            struct ntc_prefix4 key4 = {.bits = 32, .address = {198, net, high, low}};
            struct ntc_prefix6 key6 = {.bits = 128, .address = {0x20, 1, 2, net, high, low}};
            uint8_t mapped[16] = {[10] = 0xff, 0xff, 198, net, high, low};
            uint32_t slot = 1 + i;

            if (bpf_map_update_elem(bpf_map__fd(tries4[list]), &key4, &slot, BPF_ANY) < 0 ||
                    bpf_map_update_elem(bpf_map__fd(tries6[list]), &key6, &slot, BPF_ANY) < 0 ||
                    bpf_map_update_elem(bpf_map__fd(hashes[list]), mapped, &slot, BPF_ANY) < 0 ||
                    bpf_map_update_elem(bpf_map__fd(hashes[list]), key6.address, &slot, BPF_ANY) <
                            0)
                return -errno;
        }
    }
    return 0;
}

int bench_load(void)
{
    ntc = ntc_bpf__open_and_load();
    usual = usual_bpf__open_and_load();
    empty = empty_bpf__open_and_load();
    if (!ntc || !usual || !empty)
        return -errno;
    ntc->data_control->ntc_control.generation = 1;
    ntc->data_control->ntc_control.ssh_ports[0] = 1ULL << 22;
    ring = ring_buffer__new(bpf_map__fd(usual->maps.usual_events), ignore, NULL, NULL);
    if (!ring || ring_buffer__add(ring, bpf_map__fd(ntc->maps.ntc_events), ignore, NULL) < 0)
        return -errno;
    pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
    if (pthread_create(&consumer, NULL, consume, NULL) != 0)
        return -EAGAIN;
    return fill_lists();
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

static void empty_flows(void)
{
    static struct ntc_flow_key keys[FLOWS_MAX];
    int fd = bpf_map__fd(ntc->maps.ntc_flows);
    uint32_t n = 0;

    for (void *from = NULL; n < FLOWS_MAX && bpf_map_get_next_key(fd, from, &keys[n]) == 0; n++)
        from = &keys[n];
    for (uint32_t i = 0; i < n; i++)
        bpf_map_delete_elem(fd, &keys[i]);
}

static int fd_of(BenchProgram program)
{
    const struct bpf_program *programs[_BENCH_PROGRAM_MAX] = {
            [BENCH_EMPTY] = empty->progs.empty,
            [BENCH_USUAL] = usual->progs.usual,
            [BENCH_NTC] = ntc->progs.ntc_ingress,
    };

    return bpf_program__fd(programs[program]);
}

static int prepare(BenchProgram program, const BenchCase *bench)
{
    struct ntc_control *control = &ntc->data_control->ntc_control;
    int target = fd_of(program);
    uint32_t zero = 0;

    control->budget_per_slice = bench->budget;
    control->drop_budget_per_slice = bench->budget;
    control->events_enabled = bench->budget > 0;
    if (program == BENCH_NTC && (bench->fresh || bench->full))
        empty_flows();
    control->flows_full = bench->full;
    if (!bench->flows)
        return target;
    empty->bss->vary_next = 0;
    empty->data->vary_flows = bench->flows;
    if (bpf_map_update_elem(bpf_map__fd(empty->maps.vary_target), &zero, &target, BPF_ANY) < 0)
        return -errno;
    return bpf_program__fd(empty->progs.vary);
}

/* The thread's CPU time: what others do on this machine is not the packet's cost. */
double bench_run(BenchProgram program, const BenchCase *bench)
{
    struct timespec before, after;
    Packet packet;
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet.data, .repeat = (int)bench->packets);
    int fd = prepare(program, bench);

    if (fd < 0)
        return fd;
    packet_build(&packet, &bench->spec);
    opts.data_size_in = (uint32_t)packet.size;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    if (bpf_prog_test_run_opts(fd, &opts) < 0)
        return -errno;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    return ((double)(after.tv_sec - before.tv_sec) * 1e9 +
                   (double)(after.tv_nsec - before.tv_nsec)) /
           bench->packets;
}
