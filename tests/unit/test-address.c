/* SPDX-License-Identifier: MIT */
#include "base/address.h"

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
