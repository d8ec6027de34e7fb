/* SPDX-License-Identifier: MIT */
#include "base/top.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 200 };

typedef struct Item {
    uint32_t weight;
    uint8_t name[5]; /* an odd size */
} Item;

static int by_weight(const void *a, const void *b, void *userdata)
{
    const Item *one = a, *other = b;
    int sign = *(int *)userdata;

    return one->weight < other->weight ? -sign : sign * (one->weight > other->weight);
}

static void check(size_t n, size_t max, int sign)
{
    Item all[ITEMS], chosen[ITEMS + 1];
    Top top = {.items = chosen,
            .item_bytes = sizeof(Item),
            .max = max,
            .compare = by_weight,
            .userdata = &sign};

    memset(chosen, 0xa5, sizeof(chosen));
    for (size_t i = 0; i < n; i++) {
        all[i] = (Item){.weight = (uint32_t)random() % 50, .name = "item"};
        top_offer(&top, &all[i]);
    }
    top_sort(&top);
    qsort_r(all, n, sizeof(Item), by_weight, &sign);
    cr_assert_eq(top.count, n < max ? n : max);
    for (size_t i = 0; i < top.count; i++) {
        cr_assert_eq(chosen[i].weight, all[i].weight);
        cr_assert_str_eq((const char *)chosen[i].name, "item");
    }
    cr_assert_eq(((uint8_t *)chosen)[top.count * sizeof(Item)], 0xa5, "nothing behind its room");
}

Test(top, is_what_sorting_all_of_them_gives)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 50, ITEMS};

    for (size_t n = 0; n <= ITEMS; n++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            check(n, sizes[i], 1);
            check(n, sizes[i], -1);
        }
}
