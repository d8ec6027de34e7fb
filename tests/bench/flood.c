/* SPDX-License-Identifier: MIT */
/* usage: flood --interface VETH [--packets N] [--flows N] [--sources N] [--blacklisted PERCENT]
 *              [--cpus N] [--payload BYTES] [--rate PACKETS_PER_SECOND]
 *
 * Sends UDP/IPv4 frames through VETH, as fast as the machine can unless --rate is given, by XDP
 * live frames (Linux 5.18, BPF_F_TEST_XDP_LIVE_FRAMES). VETH's peer must have NAPI, for which GRO
 * on it is enough, and as many receive queues as CPUs send. Prints what was sent as JSON; what of
 * it arrived is for the peer's counters to say. */

#include "flood.h"

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

enum { PAYLOAD_MAX = 1400, PACKETS_PER_CALL = 1 << 20, BATCH = 64, PORTIONS_PER_SECOND = 100 };

static struct flood_bpf *skeleton;
static uint8_t frame[FLOOD_FRAME_BYTES + PAYLOAD_MAX];
static uint32_t frame_bytes = FLOOD_FRAME_BYTES + 18;

/* To an Ethernet address that nobody has, so that the receiver's stack lets go of it early. */
static void build_frame(void)
{
    static const uint8_t head[] = {0x02, 0, 0, 0, 0, 0xee, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00, 0x45,
            0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 9};
    uint32_t ip_bytes = frame_bytes - 14, udp_bytes = frame_bytes - 34;

    memcpy(frame, head, sizeof(head));
    frame[16] = (uint8_t)(ip_bytes >> 8);
    frame[17] = (uint8_t)ip_bytes;
    frame[38] = (uint8_t)(udp_bytes >> 8);
    frame[39] = (uint8_t)udp_bytes;
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

/* The source's words are still zero, and the checksum's. */
static uint32_t header_sum(void)
{
    uint32_t sum = 0;

    for (int i = 14; i < 34; i += 2)
        if (i < 26 || i >= 30)
            sum += (uint32_t)frame[i] << 8 | frame[i + 1];
    return sum;
}

static void *send_packets(void *userdata)
{
    Sender *sender = userdata;
    uint64_t portion = sender->packets_per_second ? sender->packets_per_second / PORTIONS_PER_SECOND
                                                  : PACKETS_PER_CALL;
    struct timespec next;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(sender->cpu, &set);
    clock_gettime(CLOCK_MONOTONIC, &next);
    sender->error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    for (uint64_t left = sender->packets; left > 0 && !sender->error;) {
        uint32_t now = (uint32_t)(left < portion ? left : portion);
        struct xdp_md context = {.data_end = frame_bytes};
        LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = frame_bytes,
                .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)now,
                .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

        if (bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.flood), &opts) < 0)
            sender->error = errno;
        left -= now;
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

static int run(struct flood_plan *plan, int cpus, uint64_t packets, uint64_t rate)
{
    struct timespec before, after;
    int error;

    skeleton = flood_bpf__open();
    if (!skeleton)
        return errno;
    build_frame();
    plan->header_sum = header_sum();
    memcpy((void *)&skeleton->rodata->plan, plan, sizeof(*plan));
    if (flood_bpf__load(skeleton) < 0)
        return errno;
    clock_gettime(CLOCK_MONOTONIC, &before);
    error = send_on_cpus(cpus, packets, rate);
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (!error)
        report((double)(after.tv_sec - before.tv_sec) +
                (double)(after.tv_nsec - before.tv_nsec) / 1e9);
    flood_bpf__destroy(skeleton);
    return error;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
            {"interface", required_argument, NULL, 'i'},
            {"packets", required_argument, NULL, 'p'},
            {"flows", required_argument, NULL, 'f'},
            {"sources", required_argument, NULL, 's'},
            {"blacklisted", required_argument, NULL, 'b'},
            {"cpus", required_argument, NULL, 'c'},
            {"payload", required_argument, NULL, 'l'},
            {"rate", required_argument, NULL, 'r'},
            {},
    };
    struct flood_plan plan = {.flows = 1000, .sources = 100};
    unsigned long long packets = 1000000, rate = 0;
    int cpus = 1, option, error;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned long long number = optarg ? strtoull(optarg, NULL, 10) : 0;

        switch (option) {
        case 'i':
            plan.ifindex = if_nametoindex(optarg);
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
        case 'l':
            frame_bytes = FLOOD_FRAME_BYTES + (uint32_t)number;
            break;
        case 'r':
            rate = number;
            break;
        default:
            return 2;
        }
    }
    if (!plan.ifindex || !packets || !plan.flows || !plan.sources || cpus < 1 ||
            cpus > FLOOD_CPUS_MAX || frame_bytes > sizeof(frame) ||
            (rate && rate / (unsigned)cpus < PORTIONS_PER_SECOND)) {
        fprintf(stderr, "flood: --interface VETH is needed, and counts from 1 on\n");
        return 2;
    }
    error = run(&plan, cpus, packets, rate);
    if (error)
        fprintf(stderr, "flood: %s\n", strerror(error));
    return error ? 1 : 0;
}
