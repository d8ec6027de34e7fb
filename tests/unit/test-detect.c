/* SPDX-License-Identifier: MIT */
/* What is found, how fast, with which numbers, and what is left alone. */

#include "leaks.h"
#include "traffic.h"

#include "detect/alert-log.h"
#include "detect/repeaters.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

enum { SCANNER = 66, VICTIM = 1, OTHER = 7 };

static void done(Traffic *t)
{
    traffic_free(t);
    abort_on_leaks();
}

/* One probe of a scan, of the port `port` that is closed. */
static void probe(Traffic *t, uint32_t src, uint32_t dst, uint16_t port, uint8_t flags)
{
    FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, src, 40000, dst, port);
    FlowKey back = back_of(&key);

    traffic_count(t, &key, flags, 1, 60);
    traffic_count(t, &back, RST | ACK, 1, 54);
}

static void scan_ports(Traffic *t, uint32_t src, unsigned n, uint8_t flags)
{
    for (unsigned port = 1; port <= n; port++)
        probe(t, src, VICTIM, (uint16_t)port, flags);
}

static const Alert *only_alert(const Traffic *t, AlertKind kind)
{
    cr_assert_eq(t->n_alerts, 1, "%u alerts: %s", t->n_alerts, t->alerts[0].message);
    cr_assert_eq(t->alerts[0].kind, kind, "%s", alert_kind_name(t->alerts[0].kind));
    return &t->alerts[0];
}

static void is_from(const Alert *alert, uint32_t who)
{
    Address address = host(who);

    cr_assert(address_equal(&alert->address, &address), "%s", alert->message);
}

/* Exact up to 64, then within 5 %. */
static void is_about(uint64_t found, uint64_t wanted)
{
    uint64_t tolerance = wanted > 64 ? wanted / 20 : 0;

    cr_assert_geq(found, wanted - tolerance);
    cr_assert_leq(found, wanted + tolerance);
}

/* --- port scans */

Test(detect, a_port_scan_is_found_within_five_seconds)
{
    Traffic *t = traffic_new();
    const Alert *alert;

    scan_ports(t, SCANNER, 60, SYN);
    seconds(t, 4);
    alert = only_alert(t, ALERT_PORT_SCAN);
    is_from(alert, SCANNER);
    cr_assert_eq(alert->ports, 60);
    cr_assert_eq(alert->hosts, 1);
    cr_assert_eq(alert->packets, 60);
    cr_assert_eq(alert->ifindex, 3);
    cr_assert_str_eq(alert->target, "10.0.0.1");
    cr_assert_str_eq(
            alert->message, "10.0.0.66 tried 60 TCP ports of 10.0.0.1 in vain within 60 s");
    done(t);
}

Test(detect, the_threshold_is_exact)
{
    Traffic *t = traffic_new();

    scan_ports(t, SCANNER, 19, SYN);
    seconds(t, 10);
    cr_assert_eq(t->n_alerts, 0);
    probe(t, SCANNER, VICTIM, 5000, SYN);
    seconds(t, 4);
    cr_assert_eq(only_alert(t, ALERT_PORT_SCAN)->ports, 20);
    done(t);
}

Test(detect, thousands_of_ports_are_counted_within_five_percent)
{
    Traffic *t = traffic_new_with(262144, NULL);

    scan_ports(t, SCANNER, 65535, SYN);
    seconds(t, 4);
    is_about(only_alert(t, ALERT_PORT_SCAN)->ports, 65535);
    done(t);
}

Test(detect, a_scan_slower_than_the_window_allows_is_not)
{
    Traffic *t = traffic_new();

    for (unsigned i = 0; i < 600; i++) {
        probe(t, SCANNER, VICTIM, (uint16_t)(1 + i), SYN);
        seconds(t, 4);
    }
    cr_assert_eq(t->n_alerts, 0, "15 a minute are below 20");
    done(t);
}

Test(detect, scans_without_syn_are_found_too)
{
    static const uint8_t flags[] = {0, FIN, FIN | TCP_FLAG_PSH | TCP_FLAG_URG, SYN | RST};

    for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
        Traffic *t = traffic_new();

        scan_ports(t, SCANNER, 100, flags[i]);
        seconds(t, 4);
        is_about(only_alert(t, ALERT_PORT_SCAN)->ports, 100);
        done(t);
    }
}

Test(detect, udp_scans_are_found)
{
    Traffic *t = traffic_new();

    for (uint16_t port = 1; port <= 80; port++) {
        FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_INGRESS, SCANNER, 50000, VICTIM, port);

        udp(t, &key, 1);
    }
    seconds(t, 4);
    is_about(only_alert(t, ALERT_PORT_SCAN)->ports, 80);
    cr_assert(strstr(t->alerts[0].message, "UDP ports of 10.0.0.1"), "%s", t->alerts[0].message);
    done(t);
}

/* An answer that is on its way when the flows are read has time to come. */
Test(detect, what_is_answered_late_is_no_attempt)
{
    Traffic *t = traffic_new();

    for (uint16_t i = 0; i < 200; i++) {
        FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, SCANNER, i, VICTIM, 1000 + i);

        traffic_count(t, &key, SYN, 1, 74);
    }
    seconds(t, 1);
    wait_ms(t, 500);
    for (uint16_t i = 0; i < 200; i++) {
        FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, SCANNER, i, VICTIM, 1000 + i);

        traffic_count(t, &key, ACK, 3, 300);
    }
    seconds(t, 60);
    cr_assert_eq(t->n_alerts, 0);
    done(t);
}

/* --- sweeps */

Test(detect, a_sweep_over_many_hosts_is_found)
{
    Traffic *t = traffic_new();
    const Alert *alert;

    for (uint32_t i = 0; i < 250; i++)
        probe(t, SCANNER, 0x100 + i, 22, SYN);
    seconds(t, 4);
    alert = only_alert(t, ALERT_HOST_SWEEP);
    is_from(alert, SCANNER);
    is_about(alert->hosts, 250);
    cr_assert_eq(alert->ports, 1);
    cr_assert_str_eq(alert->target, "TCP port 22");
    done(t);
}

/* --- who is left alone */

Test(detect, the_whitelist_is_exempt)
{
    Traffic *t = traffic_new();

    t->exempt = host(SCANNER);
    scan_ports(t, SCANNER, 1000, SYN);
    seconds(t, 30);
    cr_assert_eq(t->n_alerts, 0);
    scan_ports(t, OTHER, 1000, SYN);
    seconds(t, 4);
    is_from(only_alert(t, ALERT_PORT_SCAN), OTHER);
    done(t);
}

Test(detect, what_the_blacklist_drops_is_no_news)
{
    Traffic *t = traffic_new();

    t->action = ACTION_DROP;
    scan_ports(t, SCANNER, 1000, SYN);
    seconds(t, 30);
    cr_assert_eq(t->n_alerts, 0);
    done(t);
}

Test(detect, the_scanned_host_is_not_taken_for_the_scanner)
{
    Traffic *t = traffic_new();

    /* A connect scan: a port of the scanner's each, and to each of them a RST from the victim. */
    for (uint16_t i = 0; i < 1000; i++) {
        FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, SCANNER, 30000 + i, VICTIM, 1 + i);
        FlowKey back = back_of(&key);

        traffic_count(t, &key, SYN, 1, 74);
        traffic_count(t, &back, i % 2 ? RST | ACK : RST, 1, 54);
    }
    seconds(t, 30);
    is_from(only_alert(t, ALERT_PORT_SCAN), SCANNER);
    done(t);
}

Test(detect, each_source_has_its_own_cool_down)
{
    Traffic *t = traffic_new();

    for (unsigned second = 0; second < 590; second++) {
        scan_ports(t, SCANNER, 60, SYN);
        seconds(t, 1);
    }
    cr_assert_eq(t->n_alerts, 1, "one source, one story");
    scan_ports(t, OTHER, 60, SYN);
    seconds(t, 4);
    cr_assert_eq(t->n_alerts, 2);
    is_from(&t->alerts[1], OTHER);
    for (unsigned second = 0; second < 60; second++) {
        scan_ports(t, SCANNER, 60, SYN);
        seconds(t, 1);
    }
    cr_assert_eq(t->n_alerts, 3, "after ten minutes it is told again");
    done(t);
}

static void all_off(DetectConfig *config)
{
    config->scan_ports = config->sweep_hosts = 0;
    config->syn_flood_per_sec = config->volume_per_sec = 0;
}

Test(detect, zero_switches_a_kind_off)
{
    Traffic *t = traffic_new_with(65536, all_off);

    scan_ports(t, SCANNER, 60000, SYN);
    for (uint32_t i = 0; i < 1000; i++)
        probe(t, SCANNER, 0x100 + i, 22, SYN);
    seconds(t, 10);
    cr_assert_eq(t->n_alerts, 0);
    detect_reload(t->detect,
            &(DetectConfig){
                    .scan_ports = 5, .window_sec = 60, .cooldown_sec = 60, .tracked_max = 64});
    scan_ports(t, OTHER, 5, SYN);
    seconds(t, 4);
    cr_assert_eq(only_alert(t, ALERT_PORT_SCAN)->ports, 5, "a reload takes effect");
    done(t);
}

/* --- floods */

static void flood(Traffic *t, unsigned syns, uint32_t sources)
{
    for (unsigned i = 0; i < syns; i++) {
        FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, 0x10000 + (uint32_t)draw(t, sources),
                (uint16_t)draw(t, 65535), VICTIM, 80);

        traffic_count(t, &key, SYN, 1, 60);
    }
}

Test(detect, a_syn_flood_names_its_target)
{
    Traffic *t = traffic_new();
    const Alert *alert;

    for (int second = 0; second < 6; second++) {
        flood(t, 3000, 1 << 20);
        seconds(t, 1);
    }
    alert = only_alert(t, ALERT_SYN_FLOOD);
    is_from(alert, VICTIM);
    cr_assert_str_eq(alert->target, "TCP port 80");
    cr_assert_geq(alert->packets, 2400);
    cr_assert_geq(alert->hosts, 2400 * 9 / 10);
    done(t);
}

Test(detect, one_source_with_one_flow_can_flood_too)
{
    Traffic *t = traffic_new();
    FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, SCANNER, 1234, VICTIM, 80);

    for (int second = 0; second < 8; second++) {
        traffic_count(t, &key, SYN, 1000, 60000);
        seconds(t, 1);
    }
    is_from(only_alert(t, ALERT_SYN_FLOOD), VICTIM);
    cr_assert_eq(t->alerts[0].hosts, 1);
    done(t);
}

Test(detect, a_busy_server_is_not_flooded)
{
    Traffic *t = traffic_new();

    /* 1,000 connections a second come about, and 250 don't: a fifth. */
    for (int second = 0; second < 30; second++) {
        for (unsigned i = 0; i < 1000; i++) {
            FlowKey key = flow_key(IPPROTO_TCP, DIRECTION_INGRESS, 0x2000 + i,
                    (uint16_t)(1024 + second), VICTIM, 80);

            connection(t, &key, 5, 8);
        }
        flood(t, 250, 1 << 20);
        seconds(t, 1);
    }
    cr_assert_eq(t->n_alerts, 0, "%s", t->alerts[0].message);
    done(t);
}

static void small_tables(DetectConfig *config)
{
    config->tracked_max = 256;
}

/* A hundred thousand forged addresses a second, and a scanner among them. */
Test(detect, forged_sources_take_no_more_than_the_tables)
{
    Traffic *t = traffic_new_with(32768, small_tables);
    bool target = false, scanner = false;

    for (int second = 0; second < 8; second++) {
        flood(t, 30000, UINT32_MAX >> 8);
        scan_ports(t, SCANNER, 400, SYN);
        seconds(t, 1);
    }
    for (unsigned i = 0; i < t->n_alerts && i < ALERTS_SEEN_MAX; i++) {
        Address who = host(SCANNER), whom = host(VICTIM);

        target |=
                t->alerts[i].kind == ALERT_SYN_FLOOD && address_equal(&t->alerts[i].address, &whom);
        scanner |=
                t->alerts[i].kind == ALERT_PORT_SCAN && address_equal(&t->alerts[i].address, &who);
    }
    cr_assert(target);
    cr_assert(scanner, "the scanner is not lost among them");
    cr_assert_leq(t->n_alerts, 2);
    cr_assert_gt(detect_lost(t->detect), 100000, "what was given up is counted");
    done(t);
}

Test(detect, many_alerts_at_once_are_limited_and_counted)
{
    Traffic *t = traffic_new();

    for (uint32_t source = 0; source < 200; source++)
        scan_ports(t, 0x5000 + source, 50, SYN);
    seconds(t, 5);
    cr_assert_eq(t->n_alerts, 60);
    cr_assert_eq(detect_suppressed(t->detect), 140);
    done(t);
}

Test(detect, volume_that_nobody_answers)
{
    Traffic *t = traffic_new();
    FlowKey key = flow_key(IPPROTO_UDP, DIRECTION_INGRESS, SCANNER, 5000, VICTIM, 9);

    for (int second = 0; second < 5; second++) {
        udp(t, &key, 30000);
        seconds(t, 1);
    }
    is_from(only_alert(t, ALERT_VOLUME), SCANNER);
    cr_assert_geq(t->alerts[0].packets, 60000);
    done(t);
}
