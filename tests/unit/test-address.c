/* SPDX-License-Identifier: MIT */
#include "base/address.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>

static Prefix parsed(const char *text)
{
    Prefix prefix;

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0, "%s", text);
    return prefix;
}

Test(address, canonical_text)
{
    static const char *const pairs[][2] = {{"::ffff:1.2.3.4", "1.2.3.4"},
            {"10.0.0.0/8", "10.0.0.0/8"}, {"2001:DB8:0::1", "2001:db8::1"}, {"::/0", "::/0"},
            {"0.0.0.0/0", "0.0.0.0/0"}, {"1.2.3.4/32", "1.2.3.4"},
            {"::ffff:10.0.0.0/104", "10.0.0.0/8"}};
    char text[PREFIX_TEXT_MAX];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        Prefix prefix = parsed(pairs[i][0]);

        cr_assert_str_eq(prefix_format(&prefix, text), pairs[i][1]);
    }
}

Test(address, refused_and_untouched)
{
    static const char *const bad[] = {"", "1.2.3", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4",
            "fe80::1%eth0", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/08", "10.0.0.1/8", "::1/129",
            "1.2.3.4/+8", "::g"};
    Prefix prefix = {.bits = 77};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(prefix_parse(bad[i], &prefix, NULL), -EINVAL, "%s", bad[i]);
    cr_assert_eq(prefix.bits, 77);
}

Test(address, families_stay_apart)
{
    Prefix all6 = parsed("::/0"), all4 = parsed("0.0.0.0/0"), one4 = parsed("1.2.3.4"),
           one6 = parsed("2001:db8::1");

    cr_assert(prefix_contains(&all4, &one4));
    cr_assert(!prefix_contains(&all6, &one4));
    cr_assert(prefix_contains_address(&all6, &one6.address));
    cr_assert(!prefix_contains_address(&all6, &one4.address));
}

Test(address, order_is_ipv4_first_and_outer_first)
{
    Prefix a = parsed("10.0.0.0/8"), b = parsed("10.0.0.0/16"), c = parsed("::1");

    cr_assert_lt(prefix_compare(&a, &b), 0);
    cr_assert_lt(prefix_compare(&b, &c), 0);
    cr_assert(prefix_overlaps(&b, &a));
}

Test(address, hostile_texts)
{
    static const char *const bad[] = {"1.2.3.4.5", "1.2.3.256", "0x1.2.3.4", "1.2.3.4\n", "/8", "/",
            "1.2.3.4//8", "1.2.3.4/8/8", "1.2.3.4/-1", "1.2.3.4/ 8", "::/129", "::/999999999999",
            ":::", "1::2::3", "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4.5", "[::1]", "::1]:80",
            "::ffff:1.2.3.4/8",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    Prefix prefix = {.bits = 77};
    PrefixError error;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = PREFIX_OK;
        cr_assert_eq(prefix_parse(bad[i], &prefix, &error), -EINVAL, "%s", bad[i]);
        cr_assert_neq(error, PREFIX_OK, "%s", bad[i]);
        cr_assert_not_null(prefix_error_message(error));
    }
    cr_assert_eq(prefix.bits, 77);
}

Test(address, why_a_text_is_refused)
{
    static const struct {
        const char *text;
        PrefixError error;
    } cases[] = {{"nonsense", PREFIX_NOT_AN_ADDRESS}, {"1.2.3.4/33", PREFIX_BAD_LENGTH},
            {"10.0.0.1/8", PREFIX_HOST_BITS_SET}, {"2001:db8::1/32", PREFIX_HOST_BITS_SET}};
    Prefix prefix;
    PrefixError error;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(prefix_parse(cases[i].text, &prefix, &error), -EINVAL);
        cr_assert_eq(error, cases[i].error, "%s", cases[i].text);
    }
    cr_assert_eq(prefix_parse("10.0.0.0/8", &prefix, &error), 0);
    cr_assert_eq(error, PREFIX_OK);
}

Test(address, every_length_cuts_and_contains)
{
    Address ones = {.bytes = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                            0xff, 0xff, 0xff, 0xff, 0xff}};
    char text[PREFIX_TEXT_MAX];

    for (unsigned bits = 0; bits <= 128; bits++) {
        Prefix prefix = prefix_of(&ones, (uint8_t)bits), again;

        cr_assert(prefix_contains_address(&prefix, &ones));
        cr_assert_eq(prefix_parse(prefix_format(&prefix, text), &again, NULL), 0, "%s", text);
        cr_assert(prefix_equal(&prefix, &again), "%s", text);
        cr_assert_eq(prefix_is_single(&prefix), bits == 128);
    }
}

Test(address, single_addresses)
{
    struct in_addr in;
    struct in6_addr in6;
    Address a, b;
    char text[ADDRESS_TEXT_MAX];

    cr_assert_eq(inet_pton(AF_INET, "192.0.2.1", &in), 1);
    cr_assert_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6), 1);
    a = address_from_in(in);
    b = address_from_in6(&in6);
    cr_assert(address_equal(&a, &b), "a mapped address is the IPv4 address");
    cr_assert_str_eq(address_format(&b, text), "192.0.2.1");
    cr_assert_eq(address_parse("192.0.2.1/32", &a), -EINVAL, "an address has no length");
    cr_assert_eq(address_parse("2001:db8::", &b), 0);
    cr_assert_lt(address_compare(&a, &b), 0);
    cr_assert_eq(address_compare(&b, &b), 0);
}

/* Each is less than all behind it, and equal to itself alone. */
Test(address, the_order_is_total)
{
    static const char *const in_order[] = {"0.0.0.0", "1.2.3.4", "1.2.4.3", "127.255.255.255",
            "128.0.0.1", "255.255.255.255", "::", "::1", "::fffe:ffff:ffff", "::1:0:0:0",
            "1::", "1::1", "7fff::", "8000::", "ff02::1:ff00:1", "ff02::2:0:0"};
    Address all[ELEMENTSOF(in_order)];

    for (size_t i = 0; i < ELEMENTSOF(in_order); i++)
        cr_assert_eq(address_parse(in_order[i], &all[i]), 0, "%s", in_order[i]);
    for (size_t i = 0; i < ELEMENTSOF(in_order); i++)
        for (size_t k = 0; k < ELEMENTSOF(in_order); k++) {
            int order = address_compare(&all[i], &all[k]);

            cr_assert_eq((order > 0) - (order < 0), (i > k) - (i < k), "%s, %s", in_order[i],
                    in_order[k]);
            cr_assert_eq(address_equal(&all[i], &all[k]), i == k);
        }
}
