/* SPDX-License-Identifier: MIT */
/* The parser alone, compiled natively: wherever the linear part of a packet ends, what is read must
 * be the same, for the rest comes by copies. BPF_PROG_TEST_RUN gives linear packets only. */

#include "packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V6       .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static long ntc_load_bytes(void *ctx, __u32 offset, void *to, __u32 size)
{
    const Packet *packet = ctx;

    if (offset > packet->size || size > packet->size - offset)
        return -1;
    memcpy(to, packet->data + offset, size);
    return 0;
}

#include "parse.h"

static const struct {
    const char *name;
    PacketSpec spec;
} rows[] = {
        {"TCP", {.tcp_words = 8, .payload_bytes = 10}},
        {"UDP, a tag", {.vlans = {0x8100}, .protocol = UDP}},
        {"four tags", {.vlans = {0x88a8, 0x88a8, 0x8100, 0x8100}}},
        {"IPv4 options", {.ihl = 15}},
        {"IPv4 fragment", {.more_fragments = true, .fragment_id = 7}},
        {"IPv4 later fragment", {.fragment_offset = 9, .fragment_id = 7}},
        {"ICMP", {.protocol = ICMP}},
        {"SCTP", {.protocol = SCTP}},
        {"IPv6", {V6}},
        {"IPv6 chain", {V6, .headers = {HOPOPTS, ROUTING, FRAGMENT, AH, DSTOPTS, MOBILITY},
                               .n_headers = 6, .header_words = 2}},
        {"IPv6 twenty headers", {V6, .headers = {DSTOPTS}, .n_headers = 20}},
        {"IPv6 later fragment", {V6, .headers = {FRAGMENT}, .n_headers = 1, .fragment_offset = 2,
                                        .fragment_id = 0xdeadbeef}},
        {"raw IPv4", {.raw_ip = true}},
        {"raw IPv6", {V6, .raw_ip = true, .protocol = ICMPV6}},
        {"not IP", {.ethertype = 0x0806}},
};

static enum ntc_parsed parse(
        Packet *packet, size_t linear, bool raw_ip, struct ntc_packet *ret_parsed)
{
    /* Exactly as long as the linear part: a read beyond is one that ASan sees. */
    uint8_t *window = malloc(linear ? linear : 1);
    struct ntc_cursor cursor = {.data = window, .data_end = window + linear, .ctx = packet};
    enum ntc_parsed r;

    if (!window)
        abort();
    memcpy(window, packet->data, linear);
    memset(ret_parsed, 0, sizeof(*ret_parsed));
    r = raw_ip ? ntc_parse_raw_ip(&cursor, ret_parsed) : ntc_parse_ethernet(&cursor, ret_parsed);
    free(window);
    return r;
}

/* For every length the packet may be cut to, every end of its linear part. */
static int check(const char *name, const PacketSpec *spec)
{
    Packet packet;
    size_t whole;

    packet_build(&packet, spec);
    whole = packet.size;
    for (packet.size = 0; packet.size <= whole; packet.size++) {
        struct ntc_packet expected, got;
        enum ntc_parsed parsed = parse(&packet, packet.size, spec->raw_ip, &expected);

        for (size_t linear = 0; linear < packet.size; linear++) {
            if (parse(&packet, linear, spec->raw_ip, &got) == parsed &&
                    memcmp(&got, &expected, sizeof(got)) == 0)
                continue;
            printf("    %zu bytes, %zu of them linear: another result\n", packet.size, linear);
            printf("FAIL window: %s\n", name);
            return 1;
        }
    }
    printf("PASS window: %s\n", name);
    return 0;
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        failed += check(rows[i].name, &rows[i].spec);
    printf("window: %zu passed, %d failed\n", COUNT(rows) - (size_t)failed, failed);
    return failed ? 1 : 0;
}
