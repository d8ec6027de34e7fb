/* SPDX-License-Identifier: MIT */
#include "flow-key.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

enum { FLOWS = 65536 };

static bool is_known(const struct ntc_known *known, const void *key, __u32 bytes)
{
    struct ntc_flow_bits bits = ntc_flow_bits(key, bytes);

    cr_assert_lt(bits.word, NTC_KNOWN_WORDS);
    return (known->words[bits.word] & bits.mask) == bits.mask;
}

static void make_known(struct ntc_known *known, const void *key, __u32 bytes)
{
    struct ntc_flow_bits bits = ntc_flow_bits(key, bytes);

    known->words[bits.word] |= bits.mask;
}

/* What a scanner or a flood sends: neighbouring addresses and ports. */
static struct ntc_flow4_key flow4(__u32 i)
{
    struct ntc_flow4_key key = {.dport = 80, .ifindex = 2, .protocol = 6};
    __u32 address = 0x0a000000 + i / 4;

    memcpy(key.src, &address, 4);
    key.sport = (__u16)(1024 + i % 4);
    return key;
}

static struct ntc_flow_key flow6(__u32 i)
{
    struct ntc_flow4_key short_key = flow4(i);
    struct ntc_flow_key key = {.src = {0x20, 0x01, 0x0d, 0xb8}};

    memcpy(key.src + 12, short_key.src, 4);
    memcpy(&key.sport, &short_key.sport, NTC_FLOW_KEY_TAIL);
    return key;
}

/* A full map of the default size; of as many strangers the fewest are taken for known. */
Test(known_flows, all_are_known_and_few_strangers)
{
    static struct ntc_known known;
    unsigned strangers4 = 0, strangers6 = 0;

    for (__u32 i = 0; i < FLOWS; i++) {
        struct ntc_flow4_key key = flow4(i);

        make_known(&known, &key, sizeof(key));
    }
    for (__u32 i = 0; i < FLOWS; i++) {
        struct ntc_flow4_key key4 = flow4(i), other4 = flow4(FLOWS + i);
        struct ntc_flow_key other6 = flow6(i);

        cr_assert(is_known(&known, &key4, sizeof(key4)));
        strangers4 += is_known(&known, &other4, sizeof(other4));
        strangers6 += is_known(&known, &other6, sizeof(other6));
    }
    cr_assert_lt(strangers4, FLOWS / 20);
    cr_assert_lt(strangers6, FLOWS / 20);
    cr_assert_gt(strangers4 + strangers6, 0, "more bits than anybody needs");
}
