/* SPDX-License-Identifier: MIT */
/* usage: flood --interface VETH [--kind udp|syn|syn6|fragment|all] [--packets N] [--flows N]
 *              [--sources N] [--blacklisted PERCENT] [--cpus N] [--steered] [--payload BYTES]
 *              [--rate PACKETS_PER_SECOND] [--seconds N, however many packets]
 *
 * Sends frames through VETH, as fast as the machine can unless --rate is given, by XDP
 * live frames (Linux 5.18, BPF_F_TEST_XDP_LIVE_FRAMES). VETH's peer must have NAPI, for which GRO
 * on it is enough, and as many receive queues as CPUs send. Prints what was sent as JSON; what of
 * it arrived is for the peer's counters to say. --steered: each CPU sends flows of its own, as a
 * card with receive-side scaling hands them out; otherwise each sends all of them. All kinds come
 * in turns, from one sender a CPU, as from a card. */

#include "flood-frame.h"
#include "flood.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Sender {
    pthread_t thread;
    int cpu;
    uint64_t packets;
    uint64_t packets_per_second; /* 0 = as fast as possible */
    int error;
} Sender;

enum {
    PACKETS_PER_CALL = 1 << 20,
    PACKETS_PER_LOOK = 1 << 17,
    BATCH = 64,
    PORTIONS_PER_SECOND = 100
};

static struct flood_bpf *skeleton;
static uint8_t frame[FLOOD_FRAME_MAX];
static uint32_t frame_bytes;
static double until; /* 0 = no matter when */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A hundred portions a second; sleeping until a moment, not for a while, keeps the rate. */
static void wait_for_portion(struct timespec *next)
{
    next->tv_nsec += 1000000000 / PORTIONS_PER_SECOND;
    if (next->tv_nsec >= 1000000000) {
        next->tv_nsec -= 1000000000;
        next->tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static int send_portion(uint32_t count)
{
    struct xdp_md context = {.data_end = frame_bytes};
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = frame_bytes,
            .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)count,
            .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

    return bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.flood), &opts) < 0 ? errno : 0;
}

static uint64_t portion_of(const Sender *sender)
{
    if (sender->packets_per_second)
        return sender->packets_per_second / PORTIONS_PER_SECOND;
    return until ? PACKETS_PER_LOOK : PACKETS_PER_CALL;
}

static void *send_packets(void *userdata)
{
    Sender *sender = userdata;
    uint64_t portion = portion_of(sender);
    struct timespec next;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(sender->cpu, &set);
    clock_gettime(CLOCK_MONOTONIC, &next);
    sender->error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    for (uint64_t left = sender->packets; left > 0 && !sender->error;) {
        uint32_t count = (uint32_t)(left < portion ? left : portion);

        sender->error = send_portion(count);
        left = until && now() >= until ? 0 : left - count;
        if (sender->packets_per_second)
            wait_for_portion(&next);
    }
    return NULL;
}

static int send_on_cpus(int cpus, uint64_t packets, uint64_t rate)
{
    Sender senders[FLOOD_CPUS_MAX] = {};
    int error = 0;

    for (int i = 0; i < cpus; i++) {
        senders[i].cpu = i;
        senders[i].packets = packets / (uint64_t)cpus;
        senders[i].packets_per_second = rate / (uint64_t)cpus;
        if (i == 0)
            senders[i].packets += packets % (uint64_t)cpus;
        if (pthread_create(&senders[i].thread, NULL, send_packets, &senders[i]) != 0)
            return EAGAIN;
    }
    for (int i = 0; i < cpus; i++) {
        pthread_join(senders[i].thread, NULL);
        if (senders[i].error)
            error = senders[i].error;
    }
    return error;
}

static void report(double seconds)
{
    uint64_t packets = 0, blacklisted = 0;

    for (int i = 0; i < FLOOD_CPUS_MAX; i++) {
        packets += skeleton->bss->sent[i].packets;
        blacklisted += skeleton->bss->sent[i].blacklisted;
    }
    printf("{\"sent\":%llu,\"blacklisted\":%llu,\"frame_bytes\":%u,\"seconds\":%.3f,"
           "\"packets_per_second\":%.0f}\n",
            (unsigned long long)packets, (unsigned long long)blacklisted, frame_bytes, seconds,
            (double)packets / seconds);
}

/* `frame` is then of plan->kind; of all kinds, long enough for each of them. */
static void build_frames(struct flood_plan *plan, uint32_t payload_bytes)
{
    for (int kind = 0; kind < FLOOD_KINDS; kind++) {
        uint8_t one[FLOOD_FRAME_MAX] = {};
        uint32_t bytes = flood_frame((enum flood_kind)kind, payload_bytes, one);

        memcpy(plan->head[kind], one, sizeof(plan->head[kind]));
        plan->header_sum[kind] = flood_header_sum(one);
        if (plan->kind != (uint32_t)kind && plan->kind != FLOOD_KINDS)
            continue;
        memcpy(frame, one, sizeof(frame));
        frame_bytes = bytes > frame_bytes ? bytes : frame_bytes;
    }
}

static int run(struct flood_plan *plan, uint32_t payload_bytes, int cpus, uint64_t packets,
        uint64_t rate, unsigned seconds)
{
    double begin;
    int error;

    skeleton = flood_bpf__open();
    if (!skeleton)
        return errno;
    build_frames(plan, payload_bytes);
    memcpy((void *)&skeleton->rodata->plan, plan, sizeof(*plan));
    if (flood_bpf__load(skeleton) < 0)
        return errno;
    begin = now();
    until = seconds ? begin + seconds : 0;
    error = send_on_cpus(cpus, seconds ? UINT64_MAX : packets, rate);
    if (!error)
        report(now() - begin);
    flood_bpf__destroy(skeleton);
    return error;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
            {"interface", required_argument, NULL, 'i'},
            {"kind", required_argument, NULL, 'k'},
            {"packets", required_argument, NULL, 'p'},
            {"flows", required_argument, NULL, 'f'},
            {"sources", required_argument, NULL, 's'},
            {"blacklisted", required_argument, NULL, 'b'},
            {"cpus", required_argument, NULL, 'c'},
            {"steered", no_argument, NULL, 't'},
            {"payload", required_argument, NULL, 'l'},
            {"rate", required_argument, NULL, 'r'},
            {"seconds", required_argument, NULL, 'd'},
            {},
    };
    struct flood_plan plan = {.flows = 1000, .sources = 100};
    unsigned long long packets = 1000000, rate = 0;
    unsigned seconds = 0;
    uint32_t payload_bytes = 18;
    int cpus = 1, option, error;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned long long number = optarg ? strtoull(optarg, NULL, 10) : 0;

        switch (option) {
        case 'i':
            plan.ifindex = if_nametoindex(optarg);
            break;
        case 'k':
            plan.kind = (uint32_t)flood_kind_of(optarg);
            break;
        case 'p':
            packets = number;
            break;
        case 'f':
            plan.flows = (uint32_t)number;
            break;
        case 's':
            plan.sources = (uint32_t)number;
            break;
        case 'b':
            plan.blacklisted_percent = (uint32_t)number;
            break;
        case 'c':
            cpus = (int)number;
            break;
        case 't':
            plan.steered = 1;
            break;
        case 'l':
            payload_bytes = (uint32_t)number;
            break;
        case 'r':
            rate = number;
            break;
        case 'd':
            seconds = (unsigned)number;
            break;
        default:
            return 2;
        }
    }
    if (!plan.ifindex || !packets || !plan.flows || !plan.sources || cpus < 1 ||
            cpus > FLOOD_CPUS_MAX || plan.kind > FLOOD_KINDS || payload_bytes > FLOOD_PAYLOAD_MAX ||
            (rate && rate / (unsigned)cpus < PORTIONS_PER_SECOND)) {
        fprintf(stderr,
                "flood: --interface VETH is needed, a kind that there is, and counts from 1 on\n");
        return 2;
    }
    if (plan.steered)
        plan.steered = (uint32_t)cpus;
    error = run(&plan, payload_bytes, cpus, packets, rate, seconds);
    if (error)
        fprintf(stderr, "flood: %s\n", strerror(error));
    return error ? 1 : 0;
}
