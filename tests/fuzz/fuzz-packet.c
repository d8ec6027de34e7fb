/* SPDX-License-Identifier: MIT */
/* Frames through bpf/parse.h, natively. What is read depends on the bytes alone, not on how much of
 * them lies in the linear part; and whoever has readable addresses, by a second and simpler look,
 * gets them. The first byte chooses the link type and where the linear part ends. */

#include "fuzz.h"

typedef struct Frame {
    const unsigned char *data;
    size_t size;
} Frame;

static long ntc_load_bytes(void *ctx, unsigned offset, void *to, unsigned size)
{
    const Frame *frame = ctx;

    if (offset > frame->size || size > frame->size - offset)
        return -1;
    memcpy(to, frame->data + offset, size);
    return 0;
}

#include "parse-common.h"
#include "parse.h"

/* ihl and data offset at most 60, ten IPv6 headers of at most 2048 bytes, eight tags. */
#define HEADER_BYTES_MAX (NTC_ETH_HLEN + 8 * 4 + 40 + 10 * 2048 + 60)

static enum ntc_parsed parse(const Frame *frame, size_t linear, bool raw, struct ntc_packet *ret)
{
    uint8_t *window = malloc(linear ? linear : 1);
    struct ntc_cursor cursor = {window, window + linear, (void *)frame};
    enum ntc_parsed parsed;

    CHECK(window);
    memcpy(window, frame->data, linear);
    memset(ret, 0, sizeof(*ret));
    parsed = raw ? ntc_parse_raw_ip(&cursor, ret) : ntc_parse_ethernet(&cursor, ret);
    free(window);
    return parsed;
}

/* Where the IP header begins, by the ethertypes alone; 0 if there is none. */
static size_t ip_offset(const Frame *frame, bool raw, int *ret_version)
{
    size_t offset = raw ? 0 : 12;

    for (int tags = 0; !raw; tags++, offset += 4) {
        unsigned type;

        if (offset + 2 > frame->size)
            return SIZE_MAX;
        type = frame->data[offset] * 256U + frame->data[offset + 1];
        if (type == 0x0800 || type == 0x86dd) {
            *ret_version = type == 0x0800 ? 4 : 6;
            return offset + 2;
        }
        if ((type != 0x8100 && type != 0x88a8 && type != 0x9100) || tags == NTC_VLAN_DEPTH_MAX)
            return SIZE_MAX;
    }
    *ret_version = frame->size > 0 ? frame->data[0] >> 4 : 0;
    return offset;
}

/* The short way comes to the same, or leaves the packet alone. */
static void check_common(const Frame *frame, size_t linear, const struct ntc_packet *whole)
{
    static const struct ntc_packet untouched;
    uint8_t *window = malloc(linear ? linear : 1);
    struct ntc_cursor cursor = {window, window + linear, (void *)frame};
    struct ntc_packet packet = {};

    CHECK(window);
    memcpy(window, frame->data, linear);
    if (ntc_parse_common(&cursor, &packet))
        CHECK(memcmp(&packet, whole, sizeof(packet)) == 0);
    else
        CHECK(memcmp(&packet, &untouched, sizeof(packet)) == 0);
    free(window);
}

static bool readable(const Frame *frame, size_t ip, int version)
{
    return ip != SIZE_MAX && (version == 4 || version == 6) &&
           frame->size >= ip + (version == 4 ? 20 : 40) && frame->data[ip] >> 4 == version;
}

static void check_addresses(const Frame *frame, size_t ip, int version, const struct ntc_packet *p)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    size_t size = version == 4 ? 4 : 16, from = ip + (version == 4 ? 12 : 8);
    uint8_t src[16], dst[16];
    bool both_mapped;

    ntc_get_addresses(p, src, dst);
    both_mapped = memcmp(src, mapped, 12) == 0 && memcmp(dst, mapped, 12) == 0;
    CHECK(memcmp(src + 16 - size, frame->data + from, size) == 0);
    CHECK(memcmp(dst + 16 - size, frame->data + from + size, size) == 0);
    CHECK(version == 6 || both_mapped);
    CHECK(p->ipv4 == both_mapped);
}

static void check_transport(const struct ntc_packet *p)
{
    CHECK(p->header_bytes <= HEADER_BYTES_MAX);
    CHECK(p->key.zero[0] == 0 && p->key.zero[1] == 0 && p->key.ifindex == 0);
    CHECK(p->have_ports || (p->key.sport == 0 && p->key.dport == 0 && !p->have_flags));
    CHECK(!p->have_ports || ntc_has_ports(p->key.protocol));
    CHECK(p->have_flags ==
            (p->have_ports && !p->transport_failed && p->key.protocol == NTC_IPPROTO_TCP));
    CHECK(!p->fragment_later || (p->fragment && !p->have_ports && !p->transport_failed));
    CHECK(p->fragment || (p->fragment_id == 0 && p->fragment_next == 0));
    CHECK(ntc_class_of(p->key.protocol) < NTC_PROTO_NONIP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Frame frame = {data + 1, size - 1};
    struct ntc_packet whole, part;
    bool raw;
    size_t ip, linear;
    int version = 0;

    if (size == 0)
        return 0;
    raw = data[0] & 1;
    ip = ip_offset(&frame, raw, &version);
    CHECK((parse(&frame, frame.size, raw, &whole) == NTC_PARSED_IP) ==
            readable(&frame, ip, version));
    if (readable(&frame, ip, version)) {
        check_addresses(&frame, ip, version, &whole);
        check_transport(&whole);
    }
    linear = MIN_OF((size_t)(data[0] >> 1), frame.size);
    parse(&frame, linear, raw, &part);
    CHECK(memcmp(&whole, &part, sizeof(whole)) == 0);
    if (!raw)
        check_common(&frame, linear, &whole);
    return 0;
}
