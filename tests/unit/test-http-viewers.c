/* SPDX-License-Identifier: MIT */
/* /events: how many may look, how slowly, and what they cost. */

#include "http-viewer.h"

#include "http/engine.h"
#include "http/server-state.h"

#include <string.h>
#include <sys/socket.h>

Test(http_viewers, viewers_are_limited)
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

Test(http_viewers, a_viewer_that_does_not_read_is_cut_off)
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

/* Takes the chunks' sizes out of the answer's body, in place. */
static char *unchunk(char *text)
{
    char *from = strstr(text, "\r\n\r\n"), *out = text;

    for (size_t size; from && (size = strtoul(from += from == text ? 0 : 2, NULL, 16)) > 0;) {
        from = strstr(from + 1, "\r\n");
        if (!from || strlen(from + 2) < size)
            break;
        memmove(out, from + 2, size);
        out += size;
        from += 2 + size;
    }
    *out = '\0';
    return text;
}

/* Messages are whole, each event is what its number says, and numbers are missing only where a gap
 * is told. */
static void check_stream(char *text)
{
    static const char gap[] = "event: gap\ndata: {\"packets\":null}";
    unsigned long last = 0;
    bool told = false;

    for (char *end; (end = strstr(text, "\n\n")) != NULL; text = end + 2) {
        unsigned long id, seq, dport;
        char *at;

        *end = '\0';
        if (strcmp(text, gap) == 0)
            told = true;
        if (strcmp(text, gap) == 0 || strcmp(text, "retry: 2000") == 0 || strcmp(text, ":") == 0)
            continue;
        cr_assert_eq(sscanf(text, "id: %lu\ndata: {\"time\":\"", &id), 1, "%s", text);
        at = strstr(text, "\"seq\":");
        cr_assert(at && sscanf(at, "\"seq\":%lu", &seq) == 1, "%s", text);
        at = strstr(text, "\"dport\":");
        cr_assert(at && sscanf(at, "\"dport\":%lu", &dport) == 1, "%s", text);
        cr_assert(end[-1] == '}' && seq == id && dport < id, "%s", text);
        cr_assert(id == last + 1 || (told && id > last), "after %lu: %s", last, text);
        last = id;
        told = false;
    }
    cr_assert_eq(*text, '\0', "a part of a message: %s", text);
}

/* While HTTP rests the ring may run over all of what was handed out for a viewer: those bytes are a
 * copy. And he is not to blame. */
Test(http_viewers, a_viewer_is_not_cut_off_because_http_rests)
{
    World *w = world_new_unstarted();
    int viewer;

    w->config->events.buffer = 1000;
    cr_assert_eq(string_list_add(&w->config->server.listen, "127.0.0.1"), 0);
    start_http(w, NULL, 0);
    viewer = watch(w, NULL);
    receive(w, viewer, "retry: 2000\n\n");
    turn(w, 20);
    push(w, 900); /* handed out in some twenty parts */
    engine_charge(w->http->engine, clock_thread_ns() - 500 * NSEC_PER_MSEC);
    turn(w, 150); /* the first of them */
    for (int i = 0; i < 3; i++) {
        push(w, 1000);
        turn(w, 60);
    }
    cr_assert_gt(engine_rests(w->http->engine), 0);
    receive(w, viewer, "\"seq\":3900");
    cr_assert(says(w, "id: 1\n") && says(w, "id: 3900\n"), "%s", w->response);
    cr_assert_not(says(w, "id: 900\n"), "was overtaken in the meantime");
    turn(w, 20);
    push(w, 1);
    check_stream(unchunk(w->response));
    cr_assert_eq(w->watchers, 1);
    close(viewer);
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

Test(http_viewers, an_idle_server_sleeps)
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

Test(http_viewers, the_server_may_stop_while_viewers_wait)
{
    World *w = world_new();
    int idle = watch(w, NULL), busy = watch(w, NULL);

    turn(w, 50);
    push(w, 3);
    world_free(w);
    close(idle);
    close(busy);
}
