/* SPDX-License-Identifier: MIT */
#include "flow/keyed-hash.h"

#include <criterion/criterion.h>

Test(keyed_hash, spreads_and_repeats)
{
    uint64_t a = 1, b = 2;

    cr_assert_eq(keyed_hash(&a, sizeof(a)), keyed_hash(&a, sizeof(a)));
    cr_assert_neq(keyed_hash(&a, sizeof(a)), keyed_hash(&b, sizeof(b)));
}
