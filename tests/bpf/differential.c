/* SPDX-License-Identifier: MIT */
/* Runs the packets of a pcap file through the real program, one after the other, and writes what it
 * made of each as a line of JSON. differential.py makes the file and holds the lines against what
 * tshark says. */

#include "harness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PCAP_HEADER_BYTES = 24, RECORD_HEADER_BYTES = 16, SLOT_BLACK = 1, SLOT_WHITE = 2 };

static FILE *input, *output;

/* 0: not even run. BPF_PROG_TEST_RUN refuses what no driver would hand up. */
static bool run(const uint8_t *data, size_t size, int *ret_verdict)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (__u32)size, .repeat = 1);

    if (bpf_prog_test_run_opts(harness_program_fd(INGRESS), &opts) < 0)
        return false;
    *ret_verdict = (int)opts.retval;
    return true;
}

static const char *address(const uint8_t bytes[16], char text[INET6_ADDRSTRLEN])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
        return inet_ntop(AF_INET, bytes + 12, text, INET6_ADDRSTRLEN);
    return inet_ntop(AF_INET6, bytes, text, INET6_ADDRSTRLEN);
}

static void write_event(const struct ntc_event *event, int verdict)
{
    static const char *const actions[] = {"PASS", "DROP", "SKIP", "SSH"};
    char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

    fprintf(output,
            "{\"kind\":\"ip\",\"dropped\":%s,\"action\":\"%s\",\"src\":\"%s\",\"dst\":\"%s\","
            "\"protocol\":%u,\"sport\":%u,\"dport\":%u,\"flags\":%u,\"bytes\":%u}\n",
            verdict == SHOT ? "true" : "false", actions[event->action & 3],
            address(event->src, src), address(event->dst, dst), event->protocol, event->sport,
            event->dport, event->tcp_flags, event->bytes);
}

/* What makes no event is either no IP, or IP without readable addresses. */
static void run_one(const uint8_t *data, size_t size)
{
    static uint64_t unreadable;
    const struct ntc_event *events;
    int verdict = 0;

    if (!run(data, size, &verdict)) {
        fprintf(output, "{\"kind\":\"refused\"}\n");
        return;
    }
    if (events_take(&events) == 1) {
        write_event(events, verdict);
        return;
    }
    if (verdict == SHOT) {
        fprintf(output, "{\"kind\":\"buried\"}\n");
        return;
    }
    EXPECT_EQ(verdict, NEXT);
    fprintf(output, "{\"kind\":\"%s\"}\n",
            counters().unreadable > unreadable ? "unreadable" : "nonip");
    unreadable = counters().unreadable;
}

static void fill_lists(void)
{
    list_add(BLACK, "10.66.0.0/16", SLOT_BLACK);
    list_add(BLACK, "2001:db8:66::/48", SLOT_BLACK);
    list_add(WHITE, "10.66.1.0/24", SLOT_WHITE);
    list_add(WHITE, "2001:db8:66:1::/64", SLOT_WHITE);
}

static void run_file(void)
{
    uint8_t data[PACKET_BYTES_MAX], header[PCAP_HEADER_BYTES];
    uint32_t record[RECORD_HEADER_BYTES / 4];
    size_t n = 0;

    fill_lists();
    harness_control()->events_enabled = 1;
    harness_control()->budget_per_slice = harness_control()->drop_budget_per_slice = UINT16_MAX;
    EXPECT_EQ(fread(header, 1, sizeof(header), input), sizeof(header));
    for (; fread(record, 1, sizeof(record), input) == sizeof(record); n++) {
        if (!EXPECT(record[2] <= sizeof(data)) ||
                !EXPECT_EQ(fread(data, 1, record[2], input), record[2]))
            return;
        run_one(data, record[2]);
    }
    EXPECT(n > 0);
}

int main(int argc, char **argv)
{
    static const TestCase cases[] = {{"packets of the file", run_file}};
    int r;

    if (argc != 3) {
        fprintf(stderr, "usage: differential PACKETS.pcap RESULTS.jsonl\n");
        return 2;
    }
    input = fopen(argv[1], "re");
    output = fopen(argv[2], "we");
    if (!input || !output) {
        perror("differential");
        return 1;
    }
    r = harness_main("differential", cases, 1);
    return fclose(output) == 0 ? r : 1;
}
