/* SPDX-License-Identifier: MIT */
#include "interleave.h"

#include "flow/keyed-hash.h"

#include <criterion/criterion.h>

#define DEPTH_MAX 256

typedef struct State {
    uint64_t key;
    UT_hash_handle hh;
} State;

/* An answer, and the first that is not to be given. */
typedef struct Answer {
    unsigned given, end;
} Answer;

struct Interleave {
    Answer answers[DEPTH_MAX]; /* of this run: the first `planned` are fixed */
    size_t n, planned;
    State *met;
    uint64_t runs;
};

Interleave *interleave_new(void)
{
    Interleave *orders = calloc(1, sizeof(*orders));

    cr_assert(orders);
    return orders;
}

Interleave *interleave_free(Interleave *orders)
{
    State *state, *next;

    if (!orders)
        return NULL;
    HASH_ITER(hh, orders->met, state, next) {
        HASH_DEL(orders->met, state);
        free(state);
    }
    free(orders);
    return NULL;
}

bool interleave_next(Interleave *orders)
{
    while (orders->n > 0 &&
            orders->answers[orders->n - 1].given + 1 == orders->answers[orders->n - 1].end)
        orders->n--;
    if (orders->n == 0 && orders->runs > 0)
        return false;
    if (orders->n > 0)
        orders->answers[orders->n - 1].given++;
    orders->planned = orders->n;
    orders->n = 0;
    orders->runs++;
    return true;
}

static bool is_new(Interleave *orders, uint64_t key)
{
    State *state;

    HASH_FIND(hh, orders->met, &key, sizeof(key), state);
    if (state)
        return false;
    state = calloc(1, sizeof(*state));
    cr_assert(state);
    state->key = key;
    HASH_ADD(hh, orders->met, key, sizeof(key), state);
    cr_assert(hash_added(state));
    return true;
}

unsigned interleave_choose(Interleave *orders, unsigned n, uint64_t state)
{
    Answer *answer = &orders->answers[orders->n];

    cr_assert_lt(orders->n, DEPTH_MAX);
    if (orders->n >= orders->planned)
        *answer = (Answer){.end = is_new(orders, state) ? n : 1};
    orders->n++;
    return answer->given;
}

uint64_t interleave_runs(const Interleave *orders)
{
    return orders->runs;
}

uint64_t interleave_states(const Interleave *orders)
{
    return HASH_COUNT(orders->met);
}
