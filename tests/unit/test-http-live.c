/* SPDX-License-Identifier: MIT */
/* /events. */

#include "http-world.h"

#include "http/event-ring.h"

#include <string.h>
#include <sys/socket.h>

/* --- the live view
 * ----------------------------------------------------------------------------------- */

static PacketEvent packet(uint16_t dport)
{
    FlowSample s = sample("192.168.0.10", "1.1.1.1", dport, 1, 60);

    return (PacketEvent){.time_ns = s.first_seen_ns,
            .src = s.key.src,
            .dst = s.key.dst,
            .sport = 5555,
            .dport = dport,
            .ifindex = 1,
            .length_bytes = 60,
            .packets = 1,
            .protocol = 6,
            .action = ACTION_DROP,
            .tcp_flags = TCP_FLAG_SYN};
}

static void push(World *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        PacketEvent event = packet((uint16_t)i);
        http_server_push_event(w->http, &event);
    }
}

static int watch(World *w, const char *last_id)
{
    int fd = dial(w);
    char text[256];

    snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n",
            last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    send_all(w, fd, text, strlen(text));
    return fd;
}

Test(http_live, packets_are_shown_live)
{
    World *w = world_new();
    int fd = watch(w, NULL);

    receive(w, fd, "retry: 2000\n\n");
    cr_assert(says(w, "Content-Type: text/event-stream"), "%s", w->response);
    cr_assert_eq(w->watchers, 1);
    push(w, 2);
    receive(w, fd, "\"seq\":2");
    cr_assert(says(w, "id: 1\ndata: {\"time\":\""), "%s", w->response);
    cr_assert(
            says(w, "\"seq\":1,\"src\":\"192.168.0.10\",\"dst\":\"1.1.1.1\",\"proto\":\"TCP\",\"action\":"
                    "\"DROP\",\"direction\":\"INGRESS\",\"ts\":\"2"),
            "%s", w->response);
    cr_assert(says(w,
            "\"sport\":5555,\"dport\":0,\"len\":60,\"packets\":1,\"flags\":\"S\",\"interface\":"
            "\"mock\\\"0\",\"proto_number\":6}\n\n"));
    http_server_push_gap(w->http, 42);
    receive(w, fd, "42}");
    cr_assert(says(w, "event: gap\ndata: {\"packets\":42}\n\n"));
    add_alerts(w);
    http_server_push_alert(w->http, 99); /* not held any more */
    http_server_push_alert(w->http, 1);
    push(w, 1);
    receive(w, fd, "\"seq\":3");
    cr_assert(says(w, "\nevent: alert\ndata: " FIRST_ALERT "\n\nid: 3\n"), "%s", w->response);
    close(fd);
    turn(w, 50);
    push(w, 1);
    turn(w, 200);
    push(w, 1);
    turn(w, 200);
    cr_assert_eq(w->watchers, 0, "a client that is gone is noticed");
    cr_assert_eq(get(w, "/metrics"), 200);
    cr_assert(has_line(w, "ntc_sse_disconnected_total{reason=\"client\"} 1"));
    cr_assert(has_line(w, "ntc_sse_clients 0"));
    world_free(w);
}

Test(http_live, a_client_can_resume)
{
    World *w = world_new();
    int fd = watch(w, NULL), again;

    receive(w, fd, "retry");
    push(w, 10);
    receive(w, fd, "\"seq\":10");

    again = watch(w, "7");
    receive(w, again, "\"seq\":10");
    cr_assert(says(w, "id: 8\n"));
    cr_assert_not(says(w, "id: 7\n"));
    cr_assert_not(says(w, "event: gap"));
    close(again);
    turn(w, 20);
    push(w, 1);
    turn(w, 150);
    push(w, 1);
    turn(w, 150);

    push(w, 70); /* more than are held */
    again = watch(w, "7");
    receive(w, again, "\"seq\":82");
    cr_assert(says(w, "event: gap\ndata: {\"packets\":null}\n\nid: 19\n"), "%s", w->response);
    close(again);
    turn(w, 20);
    push(w, 1);
    turn(w, 150);
    push(w, 1);
    turn(w, 150);

    static const char *const unknown[] = {"99999", "x", "0"};
    for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
        again = watch(w, unknown[i]);
        receive(w, again, "gap");
        cr_assert(says(w, "event: gap\ndata: {\"packets\":null}"), "%s", w->response);
        cr_assert_not(says(w, "id: "));
        close(again);
        turn(w, 20);
        for (int k = 0; k < 2; k++) {
            push(w, 1);
            turn(w, 150);
        }
    }
    close(fd);
    world_free(w);
}

Test(http_live, viewers_are_limited)
{
    World *w = world_new();
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = watch(w, NULL);
        receive(w, fds[i], i < 2 ? "retry" : "}");
    }
    assert_error(w, 503, "unavailable");
    cr_assert(says(w, "Retry-After: 5"));
    cr_assert_eq(w->watchers, 2);
    cr_assert_eq(request(w, "HEAD", "/events", "", NULL), 200);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    world_free(w);
}

Test(http_live, a_viewer_that_does_not_read_is_cut_off)
{
    World *w = world_new();
    int slow = watch(w, NULL), quick = watch(w, NULL);
    char buffer[65536];

    turn(w, 50);
    cr_assert_eq(w->watchers, 2);
    for (int i = 0; i < 2000 && w->watchers == 2; i++) {
        push(w, 32);
        /* On a busy machine a batch may take longer than its 50 ms: the quick one reads what it is
         * sent. */
        for (int tries = 0; tries < 100 && recv(quick, buffer, sizeof(buffer), 0) <= 0; tries++)
            turn(w, 20);
        while (recv(quick, buffer, sizeof(buffer), 0) > 0)
            ;
        if (i > 4) /* filling the kernel's buffers would take long otherwise */
            push(w, 32);
    }
    cr_assert_eq(w->watchers, 1, "the slow one is gone, the quick one is not");
    cr_assert_eq(get(w, "/metrics"), 200);
    cr_assert(has_line(w, "ntc_sse_disconnected_total{reason=\"slow\"} 1"));
    close(slow);
    close(quick);
    world_free(w);
}

/* How often the loop turns in a second when nothing happens. */
static unsigned turns_in_a_second(World *w)
{
    uint64_t end = clock_monotonic_ns() + NSEC_PER_SEC;
    unsigned n = 0;

    for (; clock_monotonic_ns() < end; n++)
        sd_event_run(w->event, 100 * USEC_PER_MSEC);
    return n;
}

Test(http_live, an_idle_server_sleeps)
{
    World *w = world_new();
    int viewer = watch(w, NULL), blocked = watch(w, NULL), silent = dial(w), half = dial(w);
    int small = 1024;

    setsockopt(blocked, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    send_all(w, half, "GET / HTT", 9);
    turn(w, 50);
    for (int i = 0; i < 30; i++) {
        push(w, 32);
        turn(w, 60);
    }
    receive(w, viewer, "\"seq\":900");
    cr_assert_lt(turns_in_a_second(w), 40);
    close(viewer);
    close(blocked);
    close(silent);
    close(half);
    world_free(w);
}

Test(http_live, the_server_may_stop_while_viewers_wait)
{
    World *w = world_new();
    int idle = watch(w, NULL), busy = watch(w, NULL);

    turn(w, 50);
    push(w, 3);
    world_free(w);
    close(idle);
    close(busy);
}

static void push_text(EventRing *ring, const char *text)
{
    event_ring_push(ring, text[0] == 'e', text, strlen(text));
}

Test(http_live, the_ring_of_events)
{
    EventRing *ring = NULL;
    uint64_t cursor = 12345;

    cr_assert_eq(event_ring_new(4, &ring), 0);
    cr_assert_eq(event_ring_find(ring, 0, &cursor), -ENOENT);
    event_ring_raise_seq(ring, 100);
    cr_assert_eq(event_ring_find(ring, 100, &cursor), -ENOENT, "given out before our time");
    cr_assert_eq(event_ring_next_seq(ring), 101);
    for (int i = 0; i < 3; i++)
        push_text(ring, "event");
    cr_assert_eq(event_ring_seq(ring, 0), 101);
    cr_assert_eq(event_ring_find(ring, 102, &cursor), 0);
    cr_assert_eq(cursor, 2);
    push_text(ring, "gap");
    cr_assert_eq(event_ring_seq(ring, 3), 0);
    cr_assert_eq(event_ring_find(ring, 103, &cursor), 0);
    cr_assert_eq(cursor, 3, "the gap behind it is told again");
    for (int i = 0; i < 3; i++)
        push_text(ring, "event");
    cr_assert_eq(event_ring_tail(ring), 3);
    cr_assert_eq(event_ring_find(ring, 101, &cursor), 1);
    cr_assert_eq(cursor, 3, "what is still held");
    cr_assert_eq(event_ring_find(ring, 107, &cursor), -ENOENT, "too high");
    event_ring_free(ring);
}

Test(http_live, the_ring_hands_out_whole_messages)
{
    EventRing *ring = NULL;
    char text[16];
    uint64_t cursor = 0;

    cr_assert_eq(event_ring_new(4, &ring), 0);
    push_text(ring, "e1");
    push_text(ring, "gap");
    push_text(ring, "e2");
    cr_assert_eq(event_ring_copy(ring, &cursor, text, 1), 0, "none fits");
    cr_assert_eq(cursor, 0);
    cr_assert_eq(event_ring_size(ring, 1), 3);
    cr_assert_eq(event_ring_copy(ring, &cursor, text, 6), 5);
    cr_assert_eq(memcmp(text, "e1gap", 5), 0);
    cr_assert_eq(event_ring_copy(ring, &cursor, text, sizeof(text)), 2);
    cr_assert_eq(memcmp(text, "e2", 2), 0);
    cr_assert_eq(cursor, event_ring_head(ring));
    cr_assert_eq(event_ring_copy(ring, &cursor, text, sizeof(text)), 0, "there is no more");
    event_ring_free(ring);
}

/* Long ones push out more than their number says, and wrap around the end of the memory. */
Test(http_live, the_ring_is_bounded_by_its_text_too)
{
    static char text[20001], back[60000];
    EventRing *ring = NULL;
    uint64_t cursor;

    cr_assert_eq(event_ring_new(100, &ring), 0);
    for (int i = 0; i < 50; i++) {
        memset(text, 'a' + i % 26, sizeof(text));
        event_ring_push(ring, true, text, sizeof(text));
        cursor = event_ring_tail(ring);
        cr_assert_eq(event_ring_head(ring) - cursor, MIN_OF((uint64_t)i + 1, (uint64_t)3));
        for (; cursor < event_ring_head(ring);) {
            int expected = 'a' + (int)(cursor % 26);

            cr_assert_eq(event_ring_copy(ring, &cursor, back, sizeof(text)), sizeof(text));
            for (size_t k = 0; k < sizeof(text); k++)
                cr_assert_eq(back[k], expected);
        }
    }
    event_ring_free(ring);
}
