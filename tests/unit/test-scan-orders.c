/* SPDX-License-Identifier: MIT */
/* The scanner against packets that arrive meanwhile, in every order that two CPUs and user space
 * can come in. What must hold in all of them:
 *
 * - the flows never hold more than the counters, read after them, tell;
 * - a scan misses only what was counted when it began and not yet added to its flow when it passed,
 *   and what is counted without a flow while it reads that count;
 * - once the CPUs are still nothing is missing, nothing was told twice, and drift is 0.
 *
 * The last holds but for packets that were added to a flow after user space had read it for the
 * last time: such a one is lost, or is found with a flow that took the place of its own. And where
 * the owner's addition is cut in two by all of that (read, ended, made anew elsewhere), what the
 * flow had before is told once more. */

#include "flow-map.h"

#include "base/clock.h"
#include "flow/scanner.h"

#include <criterion/criterion.h>

static const FlowTimeouts timeouts = {.tcp_idle_ns = 120 * NSEC_PER_SEC,
        .other_idle_ns = 30 * NSEC_PER_SEC,
        .active_ns = 1800 * NSEC_PER_SEC,
        .closed_linger_ns = 5 * NSEC_PER_SEC};

typedef struct Scene {
    const char *packets[MAP_CPUS]; /* that each receives: of flow 'a' or 'b' */
    uint32_t capacity;
    uint32_t held; /* packets of flow 'a' when it begins; 0: there is none */
    bool idle;     /* and the last of them came long ago */
    bool adopts;   /* they are of an earlier process, and others that ended */
    bool flushes;  /* instead of a scan alone */
    MapFault fault;
} Scene;

/* How it went at worst, over all orders. */
typedef struct Worst {
    uint64_t drift;       /* told by the scan among the packets */
    uint64_t drift_after; /* by one after them */
    uint32_t blunders, misplaced;
    uint32_t untracked;
    uint64_t excess;  /* of the flows over the counters */
    uint64_t missing; /* not told, and not explained */
} Worst;

typedef struct World {
    FlowMap map;
    FlowTable *table;
    Scanner *scanner;
    uint64_t told[MAP_FLOWS]; /* packets, by flow */
    Counters counters;        /* as of the last scan */
    uint64_t drift;
} World;

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    ((World *)userdata)->told[delta->key->sport] += delta->packets;
}

static void scan(World *w, uint64_t now_sec)
{
    ScanResult result;

    cr_assert_eq(scanner_run(w->scanner, now_sec * NSEC_PER_SEC, &result), 0);
    w->counters = result.counters;
    w->drift = result.drift_packets;
}

static void set_up(World *w, const Scene *scene)
{
    memset(w, 0, sizeof(*w));
    flow_map_init(&w->map, scene->capacity ? scene->capacity : MAP_FLOWS);
    cr_assert_eq(flow_table_new(w->map.capacity, &timeouts, on_delta, w, &w->table), 0);
    cr_assert_eq(scanner_new(&w->map.base, w->table, &w->scanner), 0);
    if (scene->held)
        flow_map_hold(&w->map, 0, scene->held, scene->idle ? 1 : MAP_NOW_SEC);
    w->map.fault = scene->fault;
    if (scene->adopts) {
        w->map.s.cpus[1].counted = 10;
        scanner_adopt(w->scanner);
    } else {
        scan(w, 1);
        cr_assert_eq(w->drift, 0);
    }
    for (unsigned i = 0; i < MAP_CPUS; i++)
        w->map.s.cpus[i].packets = scene->packets[i];
}

static void tear_down(World *w)
{
    scanner_free(w->scanner);
    flow_table_free(w->table);
}

static uint64_t explained(const World *w)
{
    const FlowTotals *totals = flow_table_totals(w->table);

    return totals->live_packets + totals->ended_packets;
}

static uint64_t distance(int64_t a, int64_t b)
{
    return (uint64_t)(a > b ? a - b : b - a);
}

#define WORSEN(worst, value) ((worst) = MAX_OF((worst), (typeof(worst))(value)))

static void judge_scan(World *w, Worst *worst)
{
    uint64_t counted = counters_tracked_packets(&w->counters);
    uint64_t tolerated = w->map.s.missed + w->map.s.blunders + w->map.s.homeless;

    WORSEN(worst->drift, w->drift);
    WORSEN(worst->excess, explained(w) > counted ? explained(w) - counted : 0);
    WORSEN(worst->missing, w->drift > tolerated ? w->drift - tolerated : 0);
}

static void judge_end(World *w, const Scene *scene, Worst *worst)
{
    WORSEN(worst->drift_after, w->drift);
    WORSEN(worst->blunders, w->map.s.blunders);
    WORSEN(worst->misplaced, w->map.s.misplaced);
    WORSEN(worst->untracked, w->map.s.homeless);
    if (!scene->adopts)
        WORSEN(worst->missing,
                distance((int64_t)counters_tracked_packets(&w->counters) + w->map.s.error,
                        (int64_t)explained(w)));
    for (unsigned i = 0; i < MAP_FLOWS && !scene->adopts && w->map.s.blunders == 0; i++)
        if (w->map.s.misplaced == 0)
            WORSEN(worst->missing, distance((int64_t)w->told[i], w->map.s.added[i]));
}

static void run(Interleave *orders, const Scene *scene, Worst *worst)
{
    World w;

    set_up(&w, scene);
    w.map.orders = orders;
    if (scene->flushes) {
        cr_assert_geq(scanner_flush(w.scanner, MAP_NOW_SEC * NSEC_PER_SEC), 0);
    } else {
        scan(&w, MAP_NOW_SEC);
        judge_scan(&w, worst);
    }
    flow_map_finish(&w.map);
    w.map.orders = NULL;
    scan(&w, MAP_NOW_SEC);
    judge_end(&w, scene, worst);
    tear_down(&w);
}

static Worst play(const char *name, const Scene *scene)
{
    _cleanup_(interleave_freep) Interleave *orders = interleave_new();
    Worst worst = {};

    while (interleave_next(orders))
        run(orders, scene, &worst);
    printf("%s: %llu states, %llu runs; drift %llu, then %llu; %u late, %u misplaced, %u untracked\n",
            name, (unsigned long long)interleave_states(orders),
            (unsigned long long)interleave_runs(orders), (unsigned long long)worst.drift,
            (unsigned long long)worst.drift_after, worst.blunders, worst.misplaced,
            worst.untracked);
    return worst;
}

static void assert_exact(const Worst *worst)
{
    cr_assert_eq(worst->missing, 0);
    cr_assert_eq(worst->excess, 0);
    cr_assert_eq(worst->blunders + worst->misplaced, 0);
    cr_assert_eq(worst->drift_after, 0);
}

Test(scan_orders, a_flow_that_two_cpus_see)
{
    Scene scene = {.held = 3, .packets = {"aa", "aa"}};
    Worst worst = play("seen by both", &scene);

    assert_exact(&worst);
    cr_assert_eq(worst.drift, MAP_CPUS, "one in flight on each");
}

Test(scan_orders, flows_that_two_cpus_make)
{
    Scene scene = {.packets = {"ab", "b"}};
    Worst worst = play("made by both", &scene);

    assert_exact(&worst);
    cr_assert_leq(worst.drift, MAP_CPUS);
}

Test(scan_orders, packets_that_find_no_room)
{
    Scene scene = {.capacity = 1, .held = 3, .packets = {"ab", "b"}};
    Worst worst = play("no room", &scene);

    cr_assert_eq(worst.missing, 0);
    cr_assert_geq(worst.untracked, 2);
}

Test(scan_orders, an_idle_flow_that_is_just_being_ended)
{
    Scene scene = {.held = 3, .idle = true, .packets = {"a", "a"}};
    Worst worst = play("ended", &scene);

    cr_assert_eq(worst.missing, 0);
    cr_assert_eq(worst.excess, 0);
    cr_assert_eq(worst.blunders, 2, "one on each CPU can come too late");
    cr_assert_leq(worst.drift_after, scene.held);
}

Test(scan_orders, an_idle_flow_whose_place_is_taken)
{
    Scene scene = {.capacity = 1, .held = 3, .idle = true, .packets = {"a", "bb"}};
    Worst worst = play("place taken", &scene);

    cr_assert_eq(worst.missing, 0);
}

Test(scan_orders, all_flows_are_ended)
{
    Scene scene = {.held = 3, .flushes = true, .packets = {"a", "b"}};
    Worst worst = play("flushed", &scene);

    cr_assert_eq(worst.missing, 0);
    cr_assert_eq(worst.excess, 0);
}

Test(scan_orders, maps_that_were_adopted)
{
    Scene scene = {.held = 3, .adopts = true, .packets = {"a", "ab"}};
    Worst worst = play("adopted", &scene);

    cr_assert_eq(worst.drift_after, 0);
}

/* It would be told. */

Test(scan_orders, a_program_that_adds_before_it_counts_is_found)
{
    Scene scene = {.held = 3, .packets = {"a", "a"}, .fault = MAP_ADDS_BEFORE_IT_COUNTS};

    cr_assert_gt(play("adds first", &scene).excess, 0);
}

Test(scan_orders, ending_without_a_last_look_is_found)
{
    Scene scene = {
            .held = 3, .idle = true, .packets = {"a", ""}, .fault = MAP_ENDS_WITHOUT_READING};

    cr_assert_gt(play("no last look", &scene).missing, 0);
}
