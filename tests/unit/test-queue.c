/* SPDX-License-Identifier: MIT */
/* How time is dealt out among requests that wait, with requests that take as long as they are told
 * to: below the queue there is no server here. */

#include "base/clock.h"
#include "http/queue.h"

#include <criterion/criterion.h>

#define MS            NSEC_PER_MSEC
#define REQUESTS_MAX  256
#define NO_END        (1000 * NSEC_PER_SEC)
#define TRUSTED_SHARE 4 /* to one of the others, when both have something to do */

typedef struct Ask {
    Request request;
    uint64_t takes_ns;
} Ask;

static uint64_t now_ns;
static HttpServer server;
static Queue *queue;
static Ask asks[REQUESTS_MAX];
static size_t n_asks;
static const Peer *ran[REQUESTS_MAX]; /* whose, in order */
static size_t n_ran;

/* --- what the queue stands on */

uint64_t clock_monotonic_ns(void)
{
    return now_ns;
}

void request_wait(Request *request, void (*abandon)(void *userdata), void *userdata)
{
    request->abandon = abandon;
    request->userdata = userdata;
    request->next = server.waiting;
    if (request->next)
        request->next->prev = request;
    server.waiting = request;
}

static void unlink_waiting(Request *request)
{
    if (request->next)
        request->next->prev = request->prev;
    *(request->prev ? &request->prev->next : &server.waiting) = request->next;
}

void request_run(Request *request)
{
    if (request->abandon)
        unlink_waiting(request);
    ran[n_ran++] = request->from->peer;
    now_ns += ((Ask *)request)->takes_ns;
}

/* --- the world */

static void set_up(void)
{
    cr_assert_eq(queue_new(&server, &queue), 0);
    server.queue = queue;
}

static void tear_down(void)
{
    queue_free(queue);
}

TestSuite(queue, .init = set_up, .fini = tear_down);

/* Somebody with one connection. */
typedef struct Somebody {
    Peer peer;
    Connection connection;
} Somebody;

static void arrive(Somebody *who, bool here)
{
    who->connection.peer = &who->peer;
    who->connection.here = here;
}

static Request *ask(Somebody *who, uint64_t takes_ns)
{
    Ask *ask = &asks[n_asks++];

    cr_assert_leq(n_asks, REQUESTS_MAX);
    ask->takes_ns = takes_ns;
    ask->request.server = &server;
    ask->request.from = &who->connection;
    queue_add(queue, &ask->request);
    return &ask->request;
}

static void ask_often(Somebody *who, unsigned times, uint64_t takes_ns)
{
    for (unsigned i = 0; i < times; i++)
        ask(who, takes_ns);
}

static unsigned times_ran(const Somebody *who, size_t within)
{
    unsigned n = 0;

    for (size_t i = 0; i < within; i++)
        n += ran[i] == &who->peer;
    return n;
}

/* --- how much at once */

Test(queue, nothing_waits_nothing_runs)
{
    cr_assert_not(queue_waits(queue));
    cr_assert_not(queue_run(queue, NO_END));
    cr_assert_eq(n_ran, 0);
}

Test(queue, it_stops_once_the_budget_is_spent)
{
    static Somebody who;

    arrive(&who, false);
    ask_often(&who, 10, 3 * MS);
    cr_assert_eq(queue_length(queue), 10);
    cr_assert(queue_run(queue, 10 * MS));
    cr_assert_eq(n_ran, 4, "3, 6, 9, 12 ms");
    cr_assert_eq(queue_length(queue), 6);
    cr_assert(queue_run(queue, 0));
    cr_assert_eq(n_ran, 5, "one at least");
    cr_assert(queue_run(queue, NO_END));
    cr_assert_eq(n_ran, 10);
    cr_assert_not(queue_waits(queue));
}

Test(queue, while_nobody_waits_a_request_is_run_as_it_comes)
{
    static Somebody who, other;

    arrive(&who, false);
    arrive(&other, false);
    queue_begin_turn(queue, now_ns, 10 * MS);
    ask_often(&who, 3, 4 * MS);
    cr_assert_eq(n_ran, 3, "4, 8, 12 ms");
    ask_often(&who, 2, 4 * MS);
    cr_assert_eq(n_ran, 3, "the time is used up");
    cr_assert_eq(queue_length(queue), 2);
    queue_begin_turn(queue, now_ns, 10 * MS);
    ask(&other, MS);
    cr_assert_eq(n_ran, 3, "others wait, and some of them longer");
    cr_assert(queue_run(queue, 0));
    cr_assert_eq(ran[3], &other.peer, "what was run as it came was charged");
    cr_assert(queue_run(queue, NO_END));
    ask(&other, MS);
    cr_assert_eq(n_ran, 7);
}

Test(queue, what_others_used_before_is_not_charged)
{
    static Somebody who, other;

    arrive(&who, false);
    arrive(&other, false);
    queue_begin_turn(queue, now_ns, 100 * MS);
    now_ns += 20 * MS; /* others' requests, refused before they came here */
    ask(&who, MS);
    cr_assert_eq(n_ran, 1);
    now_ns += 100 * MS;
    ask_often(&other, 10, MS);
    cr_assert_eq(n_ran, 1, "the turn's time is used up, though nothing was run");
    ask(&who, MS);
    cr_assert(queue_run(queue, NO_END));
    cr_assert_leq(times_ran(&other, 4), 2, "one waits for one other at most");
}

Test(queue, who_went_away_is_not_run)
{
    static Somebody who;
    Request *gone;

    arrive(&who, false);
    ask(&who, MS);
    gone = ask(&who, MS);
    ask(&who, MS);
    unlink_waiting(gone);
    gone->abandon(gone->userdata);
    cr_assert_eq(queue_length(queue), 2);
    cr_assert(queue_run(queue, NO_END));
    cr_assert_eq(n_ran, 2);
    cr_assert_not(queue_waits(queue));
}

Test(queue, one_peers_requests_keep_their_order)
{
    static Somebody who;
    Request *first;

    arrive(&who, false);
    first = ask(&who, 7 * MS);
    ask(&who, MS);
    cr_assert(queue_run(queue, 0));
    cr_assert_eq(now_ns, ((Ask *)first)->takes_ns);
}

/* --- between peers */

Test(queue, a_lone_request_waits_for_one_other_at_most)
{
    static Somebody many, lone;

    arrive(&many, false);
    arrive(&lone, false);
    ask_often(&many, 100, MS);
    cr_assert(queue_run(queue, 30 * MS));
    ask(&lone, MS);
    n_ran = 0;
    cr_assert(queue_run(queue, NO_END));
    cr_assert_geq(times_ran(&lone, 2), 1);
}

Test(queue, what_is_dealt_out_is_time_and_not_turns)
{
    static Somebody dear, cheap;

    arrive(&dear, false);
    arrive(&cheap, false);
    ask_often(&dear, 20, 10 * MS);
    ask_often(&cheap, 200, MS);
    cr_assert(queue_run(queue, 200 * MS));
    cr_assert_geq(times_ran(&dear, n_ran), 9);
    cr_assert_leq(times_ran(&dear, n_ran), 11);
    cr_assert_geq(times_ran(&cheap, n_ran), 90);
}

Test(queue, who_was_away_has_saved_nothing_up)
{
    static Somebody busy, back;

    arrive(&busy, false);
    arrive(&back, false);
    ask(&back, MS);
    ask_often(&busy, 150, MS);
    cr_assert(queue_run(queue, 100 * MS));
    ask_often(&back, 50, MS);
    n_ran = 0;
    cr_assert(queue_run(queue, 40 * MS));
    cr_assert_geq(times_ran(&busy, n_ran), 19);
    cr_assert_geq(times_ran(&back, n_ran), 19);
}

Test(queue, a_hundred_peers_all_have_their_turn)
{
    static Somebody all[100];

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        arrive(&all[i], false);
        ask_often(&all[i], 2, MS);
    }
    cr_assert(queue_run(queue, ELEMENTSOF(all) * MS));
    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        cr_assert_eq(times_ran(&all[i], n_ran), 1);
}

/* --- between those here and all others */

static unsigned share_of(Somebody *who, Somebody *others, size_t n_others)
{
    for (size_t i = 0; i < n_others; i++) {
        arrive(&others[i], false);
        ask_often(&others[i], 100 / (unsigned)n_others, MS);
    }
    ask_often(who, 100, MS);
    cr_assert(queue_run(queue, 100 * MS));
    return times_ran(who, 100);
}

Test(queue, those_here_have_four_fifths_however_many_others_there_are)
{
    static Somebody here, others[50];
    unsigned share;

    arrive(&here, true);
    share = share_of(&here, others, ELEMENTSOF(others));
    cr_assert_geq(share, 100 * TRUSTED_SHARE / (TRUSTED_SHARE + 1) - 1);
    cr_assert_leq(share, 100 * TRUSTED_SHARE / (TRUSTED_SHARE + 1) + 1);
}

Test(queue, where_those_here_want_nothing_the_others_have_all)
{
    static Somebody other;

    arrive(&other, false);
    ask_often(&other, 10, MS);
    cr_assert(queue_run(queue, 10 * MS));
    cr_assert_eq(n_ran, 10);
}

/* The class is made of what the kernel says and what was shown, not of what was said. */
Test(queue, the_token_counts_and_a_proxy_does_not)
{
    static Somebody far, proxy, user;
    Request *requests[3];

    arrive(&far, false);
    arrive(&proxy, true);
    arrive(&user, true);
    for (size_t i = 0; i < 3; i++)
        asks[i].request.token_valid = i == 0;
    asks[1].request.headers.from_proxy = true;
    requests[0] = ask(&far, MS);
    requests[1] = ask(&proxy, MS);
    requests[2] = ask(&user, MS);
    cr_assert_eq(requests[0]->queue_class, requests[2]->queue_class);
    cr_assert_neq(requests[0]->queue_class, requests[1]->queue_class);
}
