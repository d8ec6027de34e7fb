/* SPDX-License-Identifier: MIT */
#include "stats/port-set.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

Test(port_set, is_exact_up_to_64)
{
    PortSet set = {};
    uint32_t budget = 1;

    for (uint16_t p = 1; p <= 64; p++) {
        port_set_add(&set, p, 100, &budget);
        port_set_add(&set, p, 100, &budget);
        cr_assert_eq(port_set_count(&set, 100), p);
    }
    cr_assert_null(set.sketch);
    cr_assert_eq(port_set_count(&set, 111), 64);
    cr_assert_eq(port_set_count(&set, 112), 0);
    port_set_clear(&set, &budget);
    cr_assert_eq(budget, 1);
}

Test(port_set, is_within_5_percent_beyond)
{
    static const uint32_t sizes[] = {65, 100, 500, 1000, 5000, 20000, 40000, 50000};

    for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
        PortSet set = {};
        uint32_t budget = 1, count;

        for (uint32_t b = 0; b < 12; b++)
            for (uint32_t p = 1 + b; p <= sizes[i]; p += 12)
                port_set_add(&set, (uint16_t)p, 100 + b, &budget);
        count = port_set_count(&set, 111);
        cr_assert_lt(fabs((double)count - sizes[i]), 0.05 * sizes[i], "%u of %u", count, sizes[i]);
        port_set_clear(&set, &budget);
    }
}

Test(port_set, sketch_slides_and_is_given_back)
{
    PortSet set = {};
    uint32_t budget = 1;

    for (uint32_t b = 100; b < 600; b++) {
        for (uint16_t p = 0; p < 100; p++)
            port_set_add(&set, (uint16_t)(1 + (b * 100 + p) % 60000), b, &budget);
        if (b >= 112) {
            uint32_t count = port_set_count(&set, b);

            cr_assert_lt(fabs((double)count - 1200), 60, "%u", count);
        }
    }
    cr_assert_eq(budget, 0);
    cr_assert_lt(abs((int)port_set_count(&set, 610) - 100), 6, "%u", port_set_count(&set, 610));
    cr_assert_eq(port_set_count(&set, 611), 0);
    port_set_add(&set, 7, 611, &budget);
    cr_assert_eq(budget, 1);
    cr_assert_eq(port_set_count(&set, 611), 1, "exact again");
}

Test(port_set, tells_when_it_must_forget)
{
    PortSet set = {};
    uint32_t budget = 1;

    for (uint32_t b = 240; b < 270; b++) { /* over the end of the stamps */
        port_set_add(&set, 1000, b, &budget);
        port_set_add(&set, (uint16_t)b, b, &budget);
        cr_assert_eq(port_set_forget(&set, b, &budget), b < 252 ? 252 : b + 1);
        cr_assert_eq(port_set_count(&set, b), MIN_OF(b - 239, PORT_SET_BUCKETS) + 1);
    }
    for (uint16_t p = 0; p < 100; p++)
        port_set_add(&set, (uint16_t)(2000 + p), 270, &budget);
    cr_assert_eq(port_set_forget(&set, 270, &budget), 271, "a sketch is looked at each time");
    cr_assert_lt(abs((int)port_set_count(&set, 270) - 112), 5, "%u", port_set_count(&set, 270));
    cr_assert_lt(abs((int)port_set_count(&set, 281) - 100), 5, "%u", port_set_count(&set, 281));
    cr_assert_eq(port_set_forget(&set, 282, &budget), 294);
    cr_assert_eq(port_set_count(&set, 282), 0);
    cr_assert_eq(budget, 1);
}

Test(port_set, without_budget_it_is_a_lower_bound)
{
    PortSet set = {};
    uint32_t budget = 0;

    for (uint16_t p = 1; p <= 1000; p++)
        port_set_add(&set, p, 100, &budget);
    cr_assert_eq(port_set_count(&set, 100), 64);
    cr_assert_null(set.sketch);
}
