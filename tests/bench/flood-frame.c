/* SPDX-License-Identifier: MIT */
#include "flood-frame.h"

#include <string.h>

/* To an Ethernet address that nobody has, so that the receiver's stack lets go of it early. */
#define ETHERNET 0x02, 0, 0, 0, 0, 0xee, 0x02, 0, 0, 0, 0, 0x01
#define IPV4(protocol)                                                                             \
    0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1
/* SYN from port 0 to 80, a header of five words. */
#define SYN 0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0

static const uint8_t udp[] = {ETHERNET, IPV4(17), 0, 0, 0, 9, 0, 0, 0, 0};
static const uint8_t syn[] = {ETHERNET, IPV4(6), SYN};
static const uint8_t syn6[] = {ETHERNET, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64, 0x20, 0x01, 0x0d,
        0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 1, SYN};

static const struct {
    const char *name;
    const uint8_t *head;
    uint32_t bytes;
} kinds[FLOOD_KINDS] = {
        [FLOOD_UDP] = {"udp", udp, sizeof(udp)},
        [FLOOD_SYN] = {"syn", syn, sizeof(syn)},
        [FLOOD_SYN6] = {"syn6", syn6, sizeof(syn6)},
        [FLOOD_FRAGMENT] = {"fragment", udp, sizeof(udp)},
};

int flood_kind_of(const char *name)
{
    for (int kind = 0; kind < FLOOD_KINDS; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return kind;
    return strcmp(name, "all") == 0 ? FLOOD_KINDS : -1;
}

static void put_be16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

uint32_t flood_frame(
        enum flood_kind kind, uint32_t payload_bytes, uint8_t frame[static FLOOD_FRAME_MAX])
{
    uint32_t bytes = kinds[kind].bytes + payload_bytes;

    memcpy(frame, kinds[kind].head, kinds[kind].bytes);
    if (kind == FLOOD_SYN6)
        put_be16(&frame[18], bytes - 14 - 40);
    else
        put_be16(&frame[16], bytes - 14);
    if (kind == FLOOD_UDP || kind == FLOOD_FRAGMENT)
        put_be16(&frame[38], bytes - 34);
    return bytes;
}

uint32_t flood_header_sum(const uint8_t frame[static FLOOD_FRAME_MAX])
{
    uint32_t sum = 0;

    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)frame[i] << 8 | frame[i + 1];
    return sum;
}
