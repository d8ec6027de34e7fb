/* SPDX-License-Identifier: MIT */
/* The best-effort plane: records, the two budgets, a full ring; and that all of it is counted. */

#include "harness.h"

#include <string.h>
#include <time.h>

#define V6       .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void enable(uint32_t budget, uint32_t drop_budget)
{
    struct ntc_control *control = harness_control();

    control->budget_per_slice = budget;
    control->drop_budget_per_slice = drop_budget;
    control->used = control->drop_used = 0;
    control->events_enabled = 1;
}

static uint64_t slice_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return ((uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec) >> NTC_SLICE_SHIFT;
}

static uint64_t suppressed(enum ntc_action action)
{
    return counters().events_suppressed[action];
}

static void check_record(Program program, const PacketSpec *spec, enum ntc_action action)
{
    struct ntc_flow_key key = packet_key(spec, program & 1, HARNESS_IFINDEX);
    const struct ntc_event *event;
    Packet packet;

    packet_build(&packet, spec);
    run_packet(program, &packet);
    if (!EXPECT_EQ(events_take(&event), 1))
        return;
    EXPECT(memcmp(event->src, key.src, 16) == 0 && memcmp(event->dst, key.dst, 16) == 0);
    EXPECT_EQ(event->sport, key.sport);
    EXPECT_EQ(event->dport, key.dport);
    EXPECT_EQ(event->ifindex, HARNESS_IFINDEX);
    EXPECT_EQ(event->protocol, key.protocol);
    EXPECT_EQ(event->direction, program & 1);
    EXPECT_EQ(event->action, action);
    EXPECT_EQ(event->bytes, packet.size);
    EXPECT_EQ(event->packets, 1);
    EXPECT_EQ(event->tcp_flags, key.protocol == TCP ? (spec->flags ? spec->flags : ACK) : 0);
    EXPECT_EQ(event->zero, 0);
    EXPECT(event->time_ns > 0);
}

static void test_records(void)
{
    enable(60000, 60000);
    list_add(BLACK, "10.0.0.9", 1);
    list_add(WHITE, "10.0.0.8", 2);
    check_record(INGRESS, &(PacketSpec){.flags = SYN}, NTC_PASS);
    check_record(EGRESS, &(PacketSpec){.src = "10.0.0.9", .protocol = UDP}, NTC_DROP);
    check_record(INGRESS, &(PacketSpec){.src = "10.0.0.8", .protocol = ICMP}, NTC_SKIP);
    check_record(INGRESS, &(PacketSpec){.src = "10.0.0.9", .dport = 22}, NTC_SSH);
    check_record(EGRESS, &(PacketSpec){V6, .protocol = ICMPV6}, NTC_PASS);
    check_record(EGRESS_IP, &(PacketSpec){V6, .raw_ip = true}, NTC_PASS);
    EXPECT_EQ(counters().events_shown, 6);
    EXPECT_EQ(counters().events_lost, 0);
}

static void test_super_packet(void)
{
    const struct ntc_event *event;
    Packet packet;

    enable(100, 100);
    packet_build(&packet, &(PacketSpec){.payload_bytes = 1000});
    run_gso(INGRESS, &packet, 10, 100);
    if (EXPECT_EQ(events_take(&event), 1)) {
        EXPECT_EQ(event->packets, 10);
        EXPECT_EQ(event->bytes, packet.size + 9 * packet.payload);
    }
    EXPECT_EQ(counters().events_shown, 10);
}

static void test_disabled(void)
{
    enable(100, 100);
    harness_control()->events_enabled = 0;
    list_add(BLACK, "10.0.0.9", 1);
    run_spec(INGRESS, &(PacketSpec){});
    run_spec(INGRESS, &(PacketSpec){.src = "10.0.0.9"});
    EXPECT_EQ(events_take(NULL), 0);
    EXPECT_EQ(counters().events_shown, 0);
    EXPECT_EQ(suppressed(NTC_PASS) + suppressed(NTC_DROP), 0);
}

/* Ten packets that pass and ten that don't, within one slice; tried again if a slice ended. */
static void test_budgets(void)
{
    const struct ntc_event *events;
    size_t drops = 0;

    for (int attempt = 0; attempt < 20; attempt++) {
        uint64_t slice;

        harness_reset();
        list_add(BLACK, "10.0.0.9", 1);
        enable(3, 5);
        slice = slice_now();
        for (int i = 0; i < 10; i++) {
            run_spec(INGRESS, &(PacketSpec){});
            run_spec(INGRESS, &(PacketSpec){.src = "10.0.0.9"});
        }
        if (slice == slice_now())
            break;
    }
    EXPECT_EQ(events_take(&events), 8);
    for (size_t i = 0; i < 8; i++)
        drops += events[i].action == NTC_DROP;
    EXPECT_EQ(drops, 5);
    EXPECT_EQ(counters().events_shown, 8);
    EXPECT_EQ(suppressed(NTC_PASS), 7);
    EXPECT_EQ(suppressed(NTC_DROP), 5);
}

static void test_a_new_slice_gives_anew(void)
{
    struct timespec slice = {.tv_nsec = 2L << NTC_SLICE_SHIFT};

    enable(1, 1);
    for (int i = 0; i < 3; i++) {
        run_spec(INGRESS, &(PacketSpec){});
        nanosleep(&slice, NULL);
    }
    EXPECT_EQ(events_take(NULL), 3);
}

static void test_no_budget(void)
{
    enable(0, 0);
    list_add(BLACK, "10.0.0.9", 1);
    run_spec(INGRESS, &(PacketSpec){});
    run_spec(INGRESS, &(PacketSpec){.src = "10.0.0.9"});
    EXPECT_EQ(events_take(NULL), 0);
    EXPECT_EQ(suppressed(NTC_PASS), 1);
    EXPECT_EQ(suppressed(NTC_DROP), 1);
}

/* Nobody reads: what does not fit is lost, counted, and costs the exact plane nothing. */
static void test_ring_full(void)
{
    enum { SENT = 3000 };
    struct ntc_counters c;
    Packet packet;
    size_t n;

    enable(0xffffff, 0xffffff);
    packet_build(&packet, &(PacketSpec){});
    EXPECT_EQ(run_repeat(INGRESS, &packet, SENT), NEXT);
    n = events_take(NULL);
    c = counters();
    EXPECT(n > 0 && n <= HARNESS_RING_BYTES / sizeof(struct ntc_event));
    EXPECT_EQ(c.events_shown, n);
    EXPECT_EQ(c.events_shown + c.events_lost, SENT);
    EXPECT_EQ(counted_packets(), SENT);
    run_packet(INGRESS, &packet);
    EXPECT_EQ(events_take(NULL), 1);
}

int main(void)
{
    static const TestCase cases[] = {
            {"records tell what the packet was", test_records},
            {"a super-packet is one record", test_super_packet},
            {"disabled", test_disabled},
            {"budgets of drops and of the rest", test_budgets},
            {"a new slice gives anew", test_a_new_slice_gives_anew},
            {"no budget", test_no_budget},
            {"a full ring", test_ring_full},
    };

    return harness_main("events", cases, COUNT(cases));
}
