/* SPDX-License-Identifier: MIT */
/* What is kept of what was found, and of whom it was found. */

#include "traffic.h"

#include "detect/alert-log.h"
#include "detect/repeaters.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

Test(alert_log, keeps_the_newest)
{
    _cleanup_(alert_log_freep) AlertLog *log = NULL;
    AlertQuery query = {.until_wall_ns = UINT64_MAX, .limit = 10};
    Alert found[10];
    bool more;

    cr_assert_eq(alert_log_new(0, &log), -EINVAL);
    cr_assert_eq(alert_log_new(4, &log), 0);
    cr_assert_eq(alert_log_find(log, &query, found, &more), 0);
    for (uint64_t i = 1; i <= 6; i++) {
        Alert alert = {.wall_ns = i,
                .kind = i % 2 ? ALERT_PORT_SCAN : ALERT_VOLUME,
                .address = host((uint32_t)i)};

        cr_assert_eq(alert_log_add(log, &alert), i);
    }
    cr_assert_null(alert_log_get(log, 0));
    cr_assert_null(alert_log_get(log, 2));
    cr_assert_null(alert_log_get(log, 7));
    cr_assert_eq(alert_log_get(log, 3)->wall_ns, 3);
    cr_assert_eq(alert_log_find(log, &query, found, &more), 4);
    cr_assert_eq(found[0].wall_ns, 6, "newest first");
    cr_assert_eq(found[3].wall_ns, 3);
    cr_assert_not(more);
    cr_assert_eq(alert_log_total(log, ALERT_PORT_SCAN), 3, "those that are gone count too");
    query.limit = 2;
    cr_assert_eq(alert_log_find(log, &query, found, &more), 2);
    cr_assert(more);
    query = (AlertQuery){4, 5, true, false, ALERT_PORT_SCAN, {}, 10};
    cr_assert_eq(alert_log_find(log, &query, found, &more), 1);
    cr_assert_eq(found[0].wall_ns, 5);
    query = (AlertQuery){.until_wall_ns = 99, .has_ip = true, .limit = 10};
    cr_assert_eq(prefix_parse("10.0.0.4/31", &query.ip, NULL), 0);
    cr_assert_eq(alert_log_find(log, &query, found, &more), 2);
}

Test(repeaters, are_blocked_longer)
{
    _cleanup_(repeaters_freep) Repeaters *r = NULL;
    static const uint64_t wanted[] = {600, 1200, 2400, 3600, 3600};
    Address who = host(1), other = host(2);
    uint64_t now_ns = NSEC_PER_SEC;

    cr_assert_eq(repeaters_new(2, &r), 0);
    for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
        cr_assert_eq(repeaters_ttl_sec(r, &who, 600, 3600, now_ns), wanted[i]);
        repeaters_blocked(r, &who, wanted[i], now_ns);
        now_ns += (wanted[i] + 60) * NSEC_PER_SEC;
    }
    cr_assert_eq(repeaters_ttl_sec(r, &other, 600, 3600, now_ns), 600);
    cr_assert_eq(repeaters_ttl_sec(r, &who, 600, 3600, now_ns + 3600 * NSEC_PER_SEC), 600,
            "who stayed away for the maximum begins anew");
    for (uint32_t i = 10; i < 20; i++) {
        Address another = host(i);

        repeaters_blocked(r, &another, 600, now_ns);
    }
    cr_assert_eq(repeaters_ttl_sec(r, &who, 600, 3600, now_ns), 600, "forgotten for want of room");
}

Test(alert_kind, has_the_words_of_the_contract)
{
    static const char *const names[] = {"port-scan", "host-sweep", "syn-flood", "volume"};
    AlertKind kind;

    for (int i = 0; i < _ALERT_KIND_MAX; i++) {
        cr_assert_str_eq(alert_kind_name((AlertKind)i), names[i]);
        cr_assert_eq(alert_kind_from_name(names[i], &kind), 0);
        cr_assert_eq(kind, (AlertKind)i);
    }
    cr_assert_eq(alert_kind_from_name("portscan", &kind), -EINVAL);
}
