/* SPDX-License-Identifier: MIT */
/* /events: what is shown, and what is held for those who come back. */

#include "http-viewer.h"

#include "http/event-ring.h"

#include <string.h>

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
    leave(w, fd);
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
    leave(w, again);

    push(w, 70); /* more than are held */
    again = watch(w, "7");
    receive(w, again, "\"seq\":82");
    cr_assert(says(w, "event: gap\ndata: {\"packets\":null}\n\nid: 19\n"), "%s", w->response);
    leave(w, again);

    static const char *const unknown[] = {"99999", "x", "0"};
    for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
        again = watch(w, unknown[i]);
        receive(w, again, "gap");
        cr_assert(says(w, "event: gap\ndata: {\"packets\":null}"), "%s", w->response);
        cr_assert_not(says(w, "id: "));
        leave(w, again);
    }
    close(fd);
    world_free(w);
}

/* Whose counters begin anew gives out other numbers than the process before: what that one gave
 * out is unknown, and its viewers are told of a gap. */
Test(http_live, numbers_of_another_life_are_unknown)
{
    World *w = world_new_unstarted();
    int fd, again;

    w->event_base = 7000;
    cr_assert_eq(string_list_add(&w->config->server.listen, "127.0.0.1"), 0);
    start_http(w, NULL, 0);
    fd = watch(w, NULL);
    receive(w, fd, "retry");
    push(w, 20);
    receive(w, fd, "\"seq\":7020");
    cr_assert(says(w, "id: 7001\n"));
    again = watch(w, "7010");
    receive(w, again, "\"seq\":7020");
    cr_assert(says(w, "id: 7011\n"), "%s", w->response);
    cr_assert_not(says(w, "gap"));
    close(again);
    turn(w, 20);
    for (int k = 0; k < 2; k++) { /* it is noticed */
        push(w, 1);
        turn(w, 150);
    }
    again = watch(w, "10");
    receive(w, again, "gap");
    cr_assert(says(w, "event: gap\ndata: {\"packets\":null}"), "%s", w->response);
    cr_assert_not(says(w, "id: "));
    close(again);
    close(fd);
    world_free(w);
}

/* --- what is held */

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
