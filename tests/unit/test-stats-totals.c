/* SPDX-License-Identifier: MIT */
/* What is known of all traffic together, and what was lost of it. */

#include "stats/losses.h"
#include "stats/stats.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEC 1000000000ULL

static void count_packets(Stats *stats, uint64_t packets, uint64_t now_ns)
{
    Counters c = {};

    c.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_PASS] = (Count){packets, packets * 100};
    stats_set_counters(stats, &c, 3, now_ns);
}

Test(stats_totals, rates_are_over_a_minute_or_since_start)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Rates rates;

    cr_assert_eq(stats_new(10, 1000 * SEC, &stats), 0);
    cr_assert_float_eq(stats_rates(stats, 1000 * SEC).packets_per_second, 0, 1e-9);
    for (uint64_t t = 1; t <= 200; t++)
        count_packets(stats, t * 40, (1000 + t) * SEC);
    rates = stats_rates(stats, 1200 * SEC);
    cr_assert_float_eq(rates.packets_per_second, 40, 1e-9, "%f", rates.packets_per_second);
    cr_assert_float_eq(rates.bytes_per_second, 4000, 1e-9);
    for (uint64_t t = 201; t <= 230; t++)
        count_packets(stats, 200 * 40, (1000 + t) * SEC);
    cr_assert_float_eq(stats_rates(stats, 1230 * SEC).packets_per_second, 20, 1e-9);
    cr_assert_float_eq(stats_rates(stats, 1400 * SEC).packets_per_second, 0, 1e-9);
    cr_assert_eq(stats_drift_packets(stats), 3);
    cr_assert_eq(counters_total(stats_counters(stats)).packets, 8000);
}

Test(stats_totals, rates_hold_with_many_or_few_readings)
{
    for (uint64_t step_ms = 100; step_ms <= 10000; step_ms += 700) {
        _cleanup_(stats_freep) Stats *stats = NULL;
        uint64_t t = 0;

        cr_assert_eq(stats_new(10, 0, &stats), 0);
        for (; t < 150000; t += step_ms)
            count_packets(stats, t, t * 1000000);
        t -= step_ms;
        cr_assert_float_eq(stats_rates(stats, t * 1000000).packets_per_second, 1000, 1e-6);
    }
}

Test(stats_totals, the_history_has_a_point_a_second_and_an_end)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    RatePoint points[STATS_HISTORY_MAX + 1];

    cr_assert_eq(stats_new(10, 100 * SEC, &stats), 0);
    cr_assert_eq(stats_history(stats, points, 10), 0);
    count_packets(stats, 50, 100 * SEC + SEC / 2); /* too soon to be a point */
    cr_assert_eq(stats_history(stats, points, 10), 0);
    count_packets(stats, 100, 101 * SEC);
    count_packets(stats, 400, 103 * SEC);
    cr_assert_eq(stats_history(stats, points, 10), 2);
    cr_assert_eq(points[0].time_ns, 101 * SEC);
    cr_assert_float_eq(points[0].packets_per_second, 100, 1e-9);
    cr_assert_float_eq(points[1].packets_per_second, 150, 1e-9);
    cr_assert_float_eq(points[1].bytes_per_second, 15000, 1e-9);
    cr_assert_float_eq(points[1].dropped_packets_per_second, 0, 1e-9);
    cr_assert_eq(stats_history(stats, points, 1), 1);
    cr_assert_eq(points[0].time_ns, 103 * SEC, "the newest are wanted");
    for (uint64_t t = 104; t <= 2000; t++)
        count_packets(stats, 400 + (t - 103) * 7, t * SEC);
    cr_assert_eq(stats_history(stats, points, STATS_HISTORY_MAX + 1), STATS_HISTORY_MAX);
    cr_assert_eq(points[STATS_HISTORY_MAX - 1].time_ns, 2000 * SEC);
    for (size_t i = 0; i < STATS_HISTORY_MAX; i++)
        cr_assert_float_eq(points[i].packets_per_second, 7, 1e-9);
}

Test(stats_totals, dropped_packets_have_a_rate_of_their_own)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Counters c = {};
    RatePoint point;

    cr_assert_eq(stats_new(10, 0, &stats), 0);
    c.by[PROTOCOL_UDP][DIRECTION_EGRESS][ACTION_DROP] = (Count){30, 3000};
    c.by[PROTOCOL_TCP][DIRECTION_EGRESS][ACTION_PASS] = (Count){70, 7000};
    stats_set_counters(stats, &c, 0, 10 * SEC);
    cr_assert_eq(stats_history(stats, &point, 1), 1);
    cr_assert_float_eq(point.packets_per_second, 10, 1e-9);
    cr_assert_float_eq(point.dropped_packets_per_second, 3, 1e-9);
}

Test(stats_totals, adopted_counters_are_no_traffic)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Counters c = {};

    c.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_PASS] = (Count){1000000, 1};
    cr_assert_eq(stats_new(10, 0, &stats), 0);
    stats_set_baseline(stats, &c, SEC);
    count_packets(stats, 1000100, 11 * SEC);
    cr_assert_float_eq(stats_rates(stats, 11 * SEC).packets_per_second, 10, 1e-9);
    RatePoint point;
    cr_assert_eq(stats_history(stats, &point, 1), 1);
    cr_assert_float_eq(point.packets_per_second, 10, 1e-9);
}

Test(stats_totals, attachments_are_copied)
{
    _cleanup_(stats_freep) Stats *stats = NULL;
    Attachment items[2] = {{.ifindex = 3, .interface = "eth0"}, {.ifindex = 4, .interface = "wg0"}};

    cr_assert_eq(stats_new(10, 0, &stats), 0);
    cr_assert_eq(stats_attachments(stats).count, 0);
    stats_set_attachments(stats, items, 2);
    memset(items, 0, sizeof(items));
    cr_assert_eq(stats_attachments(stats).count, 2);
    cr_assert_str_eq(stats_interface_name(stats, 4), "wg0");
    cr_assert_str_eq(stats_interface_name(stats, 5), "");
    stats_set_attachments(stats, NULL, 0);
    cr_assert_eq(stats_attachments(stats).count, 0);
}

Test(stats_totals, every_loss_has_a_name)
{
    static const char *const names[] = {"events_suppressed", "events_lost",
            "flows_untracked_packets", "addresses_untracked_packets", "accounting_drift_packets",
            "unreadable_packets", "journal_entries", "storage_failures"};
    _cleanup_(stats_freep) Stats *stats = NULL;
    LossesElsewhere elsewhere = {.journal_entries = 7, .storage_failures = 8};
    Counters c = {.events_lost_packets = 2, .untracked_packets = 3, .unreadable_packets = 6};
    const uint64_t values[] = {1, 2, 3, 0, 5, 6, 7, 8};
    Loss losses[LOSSES_MAX];

    c.events_suppressed_packets[ACTION_DROP] = 1;
    cr_assert_eq(stats_new(10, 0, &stats), 0);
    stats_set_counters(stats, &c, 5, SEC);
    cr_assert_eq(losses_collect(stats, &elsewhere, losses), ELEMENTSOF(names));
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        cr_assert_str_eq(losses[i].name, names[i]);
        cr_assert_eq(losses[i].value, values[i], "%s", names[i]);
    }
}
