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

#include "parse-common.h"
#include "parse.h"

static const struct {
    const char *name;
    PacketSpec spec;
    bool common; /* has a short way */
} rows[] = {
        {"TCP", {.tcp_words = 8, .payload_bytes = 10}, true},
        {"UDP", {.protocol = UDP}, true},
        {"IPv6 UDP", {V6, .protocol = UDP}, true},
        {"IPv4 in IPv6", {.src = "::ffff:192.0.2.1", .dst = "::ffff:192.0.2.2"}, true},
        {"UDP, a tag", {.vlans = {0x8100}, .protocol = UDP}},
        {"four tags", {.vlans = {0x88a8, 0x88a8, 0x8100, 0x8100}}},
        {"IPv4 options", {.ihl = 15}},
        {"IPv4 fragment", {.more_fragments = true, .fragment_id = 7}},
        {"IPv4 later fragment", {.fragment_offset = 9, .fragment_id = 7}},
        {"ICMP", {.protocol = ICMP}},
        {"SCTP", {.protocol = SCTP}},
        {"IPv6", {V6}, true},
        {"IPv6 chain", {V6, .headers = {HOPOPTS, ROUTING, FRAGMENT, AH, DSTOPTS, MOBILITY},
                               .n_headers = 6, .header_words = 2}},
        {"IPv6 twenty headers", {V6, .headers = {DSTOPTS}, .n_headers = 20}},
        {"IPv6 later fragment", {V6, .headers = {FRAGMENT}, .n_headers = 1, .fragment_offset = 2,
                                        .fragment_id = 0xdeadbeef}},
        {"raw IPv4", {.raw_ip = true}},
        {"raw IPv6", {V6, .raw_ip = true, .protocol = ICMPV6}},
        {"not IP", {.ethertype = 0x0806}},
};

/* Exactly as long as the linear part: a read beyond is one that ASan sees. */
static struct ntc_cursor open_window(Packet *packet, size_t linear)
{
    uint8_t *window = malloc(linear ? linear : 1);

    if (!window)
        abort();
    memcpy(window, packet->data, linear);
    return (struct ntc_cursor){.data = window, .data_end = window + linear, .ctx = packet};
}

static enum ntc_parsed parse(
        Packet *packet, size_t linear, bool raw_ip, struct ntc_packet *ret_parsed)
{
    struct ntc_cursor cursor = open_window(packet, linear);
    enum ntc_parsed r;

    memset(ret_parsed, 0, sizeof(*ret_parsed));
    r = raw_ip ? ntc_parse_raw_ip(&cursor, ret_parsed) : ntc_parse_ethernet(&cursor, ret_parsed);
    free(cursor.data);
    return r;
}

/* The short way comes to the same, or leaves the packet alone. */
static bool common_agrees(
        Packet *packet, size_t linear, const struct ntc_packet *expected, bool *ret_taken)
{
    static const struct ntc_packet untouched;
    struct ntc_cursor cursor = open_window(packet, linear);
    struct ntc_packet got = {};

    *ret_taken = ntc_parse_common(&cursor, &got);
    free(cursor.data);
    return memcmp(&got, *ret_taken ? expected : &untouched, sizeof(got)) == 0;
}

/* For every length the packet may be cut to, every end of its linear part. */
static int check(const char *name, const PacketSpec *spec, bool common)
{
    Packet packet;
    size_t whole;
    bool taken = false;

    packet_build(&packet, spec);
    whole = packet.size;
    for (packet.size = 0; packet.size <= whole; packet.size++) {
        struct ntc_packet expected, got;
        enum ntc_parsed parsed = parse(&packet, packet.size, spec->raw_ip, &expected);

        for (size_t linear = 0; linear <= packet.size; linear++) {
            if (parse(&packet, linear, spec->raw_ip, &got) == parsed &&
                    memcmp(&got, &expected, sizeof(got)) == 0 &&
                    (spec->raw_ip || common_agrees(&packet, linear, &expected, &taken)))
                continue;
            printf("    %zu bytes, %zu of them linear: another result\n", packet.size, linear);
            printf("FAIL window: %s\n", name);
            return 1;
        }
    }
    if (taken != common) { /* of the whole packet, all of it linear */
        printf("FAIL window: %s: the short way is %s\n", name, taken ? "taken" : "not taken");
        return 1;
    }
    printf("PASS window: %s\n", name);
    return 0;
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        failed += check(rows[i].name, &rows[i].spec, rows[i].common);
    printf("window: %zu passed, %d failed\n", COUNT(rows) - (size_t)failed, failed);
    return failed ? 1 : 0;
}
