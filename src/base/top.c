/* SPDX-License-Identifier: MIT */
#include "base/top.h"

#include <stdlib.h>
#include <string.h>

static char *at(const Top *top, size_t i)
{
    return (char *)top->items + i * top->item_bytes;
}

static int compare(const Top *top, const void *a, const void *b)
{
    return top->compare(a, b, top->userdata);
}

static void put(const Top *top, size_t i, const void *item)
{
    memcpy(at(top, i), item, top->item_bytes);
}

static void rise(const Top *top, size_t i, const void *item)
{
    for (; i > 0 && compare(top, item, at(top, (i - 1) / 2)) > 0; i = (i - 1) / 2)
        put(top, i, at(top, (i - 1) / 2));
    put(top, i, item);
}

/* From the top, whose item goes. */
static void sink(const Top *top, const void *item)
{
    size_t i = 0;

    for (size_t child = 1; child < top->count; child = 2 * i + 1) {
        if (child + 1 < top->count && compare(top, at(top, child + 1), at(top, child)) > 0)
            child++;
        if (compare(top, at(top, child), item) <= 0)
            break;
        put(top, i, at(top, child));
        i = child;
    }
    put(top, i, item);
}

void top_offer(Top *top, const void *item)
{
    if (top->count < top->max)
        rise(top, top->count++, item);
    else if (top->max > 0 && compare(top, item, top->items) < 0)
        sink(top, item);
}

void top_sort(Top *top)
{
    if (top->count > 1)
        qsort_r(top->items, top->count, top->item_bytes, top->compare, top->userdata);
}
