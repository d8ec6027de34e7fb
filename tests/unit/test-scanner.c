/* SPDX-License-Identifier: MIT */
#include "flow/scanner.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#define SEC      1000000000ULL
#define FAKE_MAX 20000

static const FlowTimeouts timeouts = {.tcp_idle_ns = 120 * SEC,
        .other_idle_ns = 30 * SEC,
        .active_ns = 1800 * SEC,
        .closed_linger_ns = 5 * SEC};

/* A datapath that can be made to go wrong: a plain array of flows, slow but obvious. */
typedef struct Fake {
    Datapath base;
    Counters counters;
    FlowSample flows[FAKE_MAX];
    size_t n, cursor;
    unsigned room_calls, counter_reads;
    size_t fail_next_at;      /* scan_next fails when the cursor is there */
    uint64_t between_packets; /* arrive in every scan_next and end_flow */
    bool deny_end;
} Fake;

static void receive(Fake *f, uint16_t sport, uint64_t packets, uint64_t now_ns)
{
    FlowSample *s = NULL;

    f->counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets += packets;
    for (size_t i = 0; i < f->n && !s; i++)
        if (f->flows[i].key.sport == sport)
            s = &f->flows[i];
    if (!s) {
        s = &f->flows[f->n++];
        *s = (FlowSample){
                .key = {.sport = sport, .protocol = IPPROTO_UDP}, .first_seen_ns = now_ns};
    }
    s->packets += packets;
    s->last_seen_ns = now_ns;
}

static int fake_read_counters(Datapath *datapath, Counters *ret)
{
    Fake *f = (Fake *)datapath;

    f->counter_reads++;
    *ret = f->counters;
    return 0;
}

static int fake_scan_begin(Datapath *datapath)
{
    ((Fake *)datapath)->cursor = 0;
    return 0;
}

static int fake_scan_next(Datapath *datapath, FlowSample *samples, size_t max)
{
    Fake *f = (Fake *)datapath;
    size_t n = MIN_OF(max, f->n - f->cursor);

    if (f->fail_next_at && f->cursor >= f->fail_next_at)
        return -EIO;
    memcpy(samples, f->flows + f->cursor, n * sizeof(*samples));
    f->cursor += n;
    if (f->between_packets)
        receive(f, 1, f->between_packets, SEC);
    return (int)n;
}

static int fake_end_flow(Datapath *datapath, const FlowKey *key, FlowSample *ret)
{
    Fake *f = (Fake *)datapath;

    if (f->deny_end)
        return -EPERM;
    if (f->between_packets)
        receive(f, 1, f->between_packets, SEC);
    for (size_t i = 0; i < f->n; i++) {
        if (memcmp(&f->flows[i].key, key, sizeof(*key)) != 0)
            continue;
        *ret = f->flows[i];
        f->flows[i] = f->flows[--f->n];
        return 0;
    }
    return -ENOENT;
}

static void fake_flows_have_room(Datapath *datapath)
{
    ((Fake *)datapath)->room_calls++;
}

static const DatapathOps fake_ops = {
        .read_counters = fake_read_counters,
        .scan_begin = fake_scan_begin,
        .scan_next = fake_scan_next,
        .end_flow = fake_end_flow,
        .flows_have_room = fake_flows_have_room,
};

static Fake fake;
static FlowTable *table;
static Scanner *scanner;
static uint64_t delta_packets;

static void on_delta(const FlowDelta *delta, uint64_t now_ns, void *userdata)
{
    delta_packets += delta->packets;
}

static void set_up_with(size_t capacity)
{
    fake.base.ops = &fake_ops;
    cr_assert_eq(flow_table_new(capacity, &timeouts, on_delta, NULL, &table), 0);
    cr_assert_eq(scanner_new(&fake.base, table, &scanner), 0);
}

static void set_up(void)
{
    set_up_with(FAKE_MAX);
}

static void tear_down(void)
{
    scanner = scanner_free(scanner);
    table = flow_table_free(table);
}

TestSuite(scanner, .init = set_up, .fini = tear_down);

static ScanResult scan(uint64_t now_ns)
{
    ScanResult result = {.drift_packets = 12345};

    cr_assert_eq(scanner_run(scanner, now_ns, &result), 0);
    cr_assert_not(scanner_running(scanner));
    return result;
}

Test(scanner, accounts_for_everything)
{
    ScanResult result;

    for (uint16_t i = 1; i <= 100; i++)
        receive(&fake, i, i, SEC);
    result = scan(SEC);
    cr_assert_eq(result.drift_packets, 0);
    cr_assert_eq(result.flows_read, 100);
    cr_assert_eq(delta_packets, 5050);
    receive(&fake, 7, 3, 2 * SEC);
    result = scan(2 * SEC);
    cr_assert_eq(result.drift_packets, 0);
    cr_assert_eq(delta_packets, 5053);
    cr_assert_eq(counters_total(&result.counters).packets, 5053);
}

Test(scanner, works_in_portions)
{
    ScanResult result = {.flows_read = 99};
    unsigned steps = 0;
    int r;

    for (unsigned i = 0; i < 5000; i++)
        receive(&fake, (uint16_t)i, 1, SEC);
    cr_assert_eq(scanner_begin(scanner, SEC), 0);
    cr_assert_eq(scanner_begin(scanner, SEC), 0, "one is running already");
    while ((r = scanner_step(scanner, SEC, &result)) == 1) {
        cr_assert(scanner_running(scanner));
        cr_assert_eq(result.flows_read, 99, "untouched until the end");
        steps++;
    }
    cr_assert_eq(r, 0);
    cr_assert_geq(steps, 3);
    cr_assert_eq(result.flows_read, 5000);
    cr_assert_eq(result.drift_packets, 0);
    cr_assert_eq(scanner_step(scanner, SEC, &result), 0, "the last result once more");
    cr_assert_eq(result.flows_read, 5000);
}

Test(scanner, packets_that_arrive_meanwhile_are_no_drift)
{
    fake.between_packets = 17;
    for (unsigned i = 1; i <= 5000; i++)
        receive(&fake, (uint16_t)i, 1, SEC);
    for (uint64_t t = 1; t <= 5; t++)
        cr_assert_eq(scan(t * SEC).drift_packets, 0);
    cr_assert_eq(scan(100 * SEC).drift_packets, 0, "nor while flows end");
    cr_assert_eq(scan(101 * SEC).drift_packets, 0);
}

Test(scanner, lost_packets_are_drift)
{
    receive(&fake, 1, 100, SEC);
    cr_assert_eq(scan(SEC).drift_packets, 0);
    fake.counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets += 7;
    cr_assert_eq(scan(2 * SEC).drift_packets, 7, "counted, but in no flow");
    fake.counters.untracked_packets += 7;
    cr_assert_eq(scan(3 * SEC).drift_packets, 0, "that explains them");
}

Test(scanner, invented_packets_are_drift)
{
    receive(&fake, 1, 100, SEC);
    fake.flows[0].packets += 4;
    cr_assert_eq(scan(SEC).drift_packets, 4);
}

Test(scanner, flow_deleted_behind_our_back_is_drift)
{
    receive(&fake, 1, 100, SEC);
    receive(&fake, 2, 9, SEC);
    scan(SEC);
    fake.n--;
    cr_assert_eq(scan(2 * SEC).drift_packets, 9);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 9);
}

Test(scanner, idle_flows_end)
{
    ScanResult result;

    for (uint16_t i = 1; i <= 2000; i++)
        receive(&fake, i, 2, SEC);
    receive(&fake, 3, 1, 40 * SEC);
    result = scan(40 * SEC);
    cr_assert_eq(result.flows_ended, 1999);
    cr_assert_eq(result.drift_packets, 0);
    cr_assert_eq(fake.n, 1);
    cr_assert_eq(flow_table_totals(table)->live, 1);
    cr_assert_eq(flow_table_totals(table)->ended[FLOW_END_IDLE], 1999);
    cr_assert_gt(fake.room_calls, 0);
    cr_assert_eq(delta_packets, 4001);
}

Test(scanner, flow_gone_before_it_could_be_ended_has_vanished)
{
    ScanResult result;

    receive(&fake, 1, 5, SEC);
    receive(&fake, 2, 6, SEC);
    cr_assert_eq(scanner_begin(scanner, 100 * SEC), 0);
    cr_assert_eq(scanner_step(scanner, 100 * SEC, &result), 1);
    cr_assert_eq(scanner_step(scanner, 100 * SEC, &result), 1);
    fake.n--; /* between reading and ending */
    while (scanner_step(scanner, 100 * SEC, &result) == 1)
        ;
    cr_assert_eq(result.flows_ended, 1);
    cr_assert_eq(result.drift_packets, 6);
    cr_assert_eq(flow_table_totals(table)->vanished_packets, 6);
    cr_assert_eq(flow_table_totals(table)->live, 0);
}

Test(scanner, failed_scan_is_given_up_and_the_next_is_whole)
{
    ScanResult result;

    for (unsigned i = 0; i < 5000; i++)
        receive(&fake, (uint16_t)i, 1, SEC);
    fake.fail_next_at = 2048;
    cr_assert_eq(scanner_run(scanner, SEC, &result), -EIO);
    cr_assert_not(scanner_running(scanner));
    cr_assert_eq(flow_table_totals(table)->live, 2048, "what was learnt stays");
    fake.fail_next_at = 0;
    result = scan(2 * SEC);
    cr_assert_eq(result.drift_packets, 0);
    cr_assert_eq(flow_table_totals(table)->live, 5000);
    cr_assert_eq(delta_packets, 5000);
}

Test(scanner, failed_end_gives_up_too)
{
    ScanResult result;

    receive(&fake, 1, 5, SEC);
    fake.deny_end = true;
    cr_assert_eq(scanner_run(scanner, 100 * SEC, &result), -EPERM);
    fake.deny_end = false;
    cr_assert_eq(scan(101 * SEC).flows_ended, 1);
}

Test(scanner, flush_ends_all)
{
    ScanResult result;

    for (uint16_t i = 1; i <= 50; i++)
        receive(&fake, i, 2, SEC);
    scan(SEC);
    receive(&fake, 60, 2, 2 * SEC);
    cr_assert_eq(scanner_begin(scanner, 2 * SEC), 0);
    cr_assert_eq(scanner_flush(scanner, 2 * SEC), 51, "also what came after the last scan");
    cr_assert_eq(fake.n, 0);
    cr_assert_eq(flow_table_totals(table)->ended[FLOW_END_FLUSH], 51);
    cr_assert_eq(delta_packets, 102);
    cr_assert_eq(scanner_step(scanner, 2 * SEC, &result), 0, "the running one was completed");
    cr_assert_eq(scan(3 * SEC).drift_packets, 0);
    cr_assert_eq(scanner_flush(scanner, 3 * SEC), 0);
}

Test(scanner, adopted_maps_are_no_drift_and_losses_after_are)
{
    scanner_adopt(scanner);
    receive(&fake, 1, 500, SEC);
    fake.counters.by[PROTOCOL_TCP][DIRECTION_EGRESS][ACTION_PASS].packets = 1000000;
    cr_assert_eq(scan(SEC).drift_packets, 0);
    cr_assert_eq(delta_packets, 0, "the past is no traffic of this minute");
    cr_assert_eq(flow_table_totals(table)->ended_packets, 1000000);
    receive(&fake, 1, 5, 2 * SEC);
    cr_assert_eq(scan(2 * SEC).drift_packets, 0);
    cr_assert_eq(delta_packets, 5);
    fake.counters.by[PROTOCOL_TCP][DIRECTION_EGRESS][ACTION_PASS].packets += 3;
    cr_assert_eq(scan(3 * SEC).drift_packets, 3);
}

/* What ended before is known only within bounds while packets arrive, and exactly after a scan in
 * which none did. */
Test(scanner, adopted_base_is_narrowed)
{
    scanner_adopt(scanner);
    fake.counters.by[PROTOCOL_TCP][DIRECTION_EGRESS][ACTION_PASS].packets = 1000000;
    fake.between_packets = 40;
    for (uint64_t t = 1; t < 5; t++)
        cr_assert_eq(scan(t * SEC).drift_packets, 0);
    fake.between_packets = 0;
    cr_assert_eq(scan(5 * SEC).drift_packets, 0);
    cr_assert_eq(flow_table_totals(table)->ended_packets, 1000000);
    fake.counters.by[PROTOCOL_TCP][DIRECTION_EGRESS][ACTION_PASS].packets++;
    cr_assert_eq(scan(6 * SEC).drift_packets, 1);
}

TestSuite(scanner_room, .fini = tear_down);

Test(scanner_room, is_not_made_for_what_found_none_before_a_restart)
{
    set_up_with(100);
    scanner_adopt(scanner);
    fake.counters.untracked_packets = 1000;
    fake.counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets = 1000;
    for (uint16_t i = 1; i <= 60; i++)
        receive(&fake, i, 5, SEC);
    cr_assert_eq(scan(2 * SEC).flows_ended, 0);
    cr_assert_eq(scan(3 * SEC).drift_packets, 0);
    fake.counters.untracked_packets++;
    fake.counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets++;
    cr_assert_eq(scan(4 * SEC).flows_ended, 10, "but for what finds none since");
}

Test(scanner_room, is_made_before_the_map_is_full)
{
    ScanResult result;

    set_up_with(100);
    for (uint16_t i = 1; i <= 90; i++)
        receive(&fake, i, i <= 30 ? 1 : 5, SEC);
    cr_assert_eq(scan(2 * SEC).flows_ended, 0, "nine tenths are fine");
    receive(&fake, 91, 5, 2 * SEC);
    result = scan(2 * SEC);
    cr_assert_eq(result.flows_ended, 11, "down to eight tenths");
    cr_assert_eq(result.drift_packets, 0);
    cr_assert_eq(flow_table_totals(table)->ended[FLOW_END_EARLY], 11);
    cr_assert_eq(fake.room_calls, 1);
    for (size_t i = 0; i < fake.n; i++)
        cr_assert(fake.flows[i].packets == 5 || fake.flows[i].key.sport <= 30);
}

/* As many as in a flood that no room would be enough for. */
Test(scanner_room, is_small_while_any_would_be_gone_at_once)
{
    ScanResult result;

    set_up_with(1000);
    for (uint16_t port = 0; port < 1000; port++)
        receive(&fake, port, 1, SEC);
    fake.counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets += 1001;
    fake.counters.untracked_packets = 1001;
    cr_assert_eq(scanner_run(scanner, SEC, &result), 0);
    cr_assert_eq(result.flows_ended, 50);
    for (uint16_t port = 2000; port < 2050; port++)
        receive(&fake, port, 1, SEC);
    cr_assert_eq(scanner_run(scanner, 2 * SEC, &result), 0);
    cr_assert_eq(result.flows_ended, 200, "the flood is over");
}

Test(scanner_room, is_not_made_where_there_is_enough)
{
    set_up_with(100);
    for (uint16_t i = 1; i <= 50; i++)
        receive(&fake, i, 5, SEC);
    fake.counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets++;
    fake.counters.untracked_packets++;
    cr_assert_eq(scan(2 * SEC).flows_ended, 0);
    cr_assert_eq(fake.room_calls, 1, "the datapath may try again");
}

Test(scanner_room, is_made_when_packets_went_untracked)
{
    set_up_with(100);
    for (uint16_t i = 1; i <= 51; i++)
        receive(&fake, i, 5, SEC);
    fake.counters.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets += 2;
    fake.counters.untracked_packets += 2;
    cr_assert_eq(scan(2 * SEC).flows_ended, 10);
    cr_assert_eq(fake.room_calls, 1);
    cr_assert_eq(scan(3 * SEC).flows_ended, 0, "that was it");
    cr_assert_eq(fake.room_calls, 1);
}
