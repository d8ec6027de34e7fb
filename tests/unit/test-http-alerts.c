/* SPDX-License-Identifier: MIT */
/* /alerts. */

#include "http-world.h"

#include <arpa/inet.h>
#include <string.h>

/* --- alerts */

static void assert_alerts(World *w, const char *query, uint64_t count, const char *first_time)
{
    char target[128], wanted[64];

    snprintf(target, sizeof(target), "/alerts?limit=8%s", query);
    cr_assert_eq(get(w, target), 200, "%s: %s", target, w->response);
    _cleanup_json_ json_object *object = body_json(w);
    cr_assert_eq(number_in(object, "count"), count, "%s", target);
    snprintf(wanted, sizeof(wanted), "\"alerts\":[{\"time\":\"%s\"", first_time);
    cr_assert(says(w, count ? wanted : "\"alerts\":[]"), "%s: %s", target, w->response);
}

Test(http_alerts, alerts_are_shown_newest_first_and_filtered)
{
    World *w = world_new();

    add_alerts(w);
    assert_alerts(w, "", 3, "2026-01-01T00:00:03.000Z");
    cr_assert(says(w, "\"source\":\"volatile-journal\",\"truncated\":false"));
    cr_assert(says(w, FIRST_ALERT), "%s", w->response);
    cr_assert(says(w, "\"target\":null"));
    assert_alerts(w, "&kind=volume", 1, "2026-01-01T00:00:02.000Z");
    assert_alerts(w, "&ip=192.0.2.1", 1, "2026-01-01T00:00:01.000Z");
    assert_alerts(w, "&ip=192.0.2.2/31", 2, "2026-01-01T00:00:03.000Z");
    assert_alerts(w, "&until=2026-01-01T00:00:02Z", 2, "2026-01-01T00:00:02.000Z");
    assert_alerts(w, "&since=2026-01-01T01:00:03%2B01:00", 1, "2026-01-01T00:00:03.000Z");
    assert_alerts(w, "&since=2026-01-01T00:00:04Z", 0, "");
    cr_assert_eq(get(w, "/alerts?limit=2"), 200);
    cr_assert(says(w, "\"count\":2") && says(w, "\"truncated\":true"));
    world_free(w);
}

Test(http_alerts, bad_questions_about_alerts)
{
    static const char *const bad[] = {"kind=scan", "kind=", "ip=me", "ip=192.0.2.1/24",
            "since=yesterday", "until=2026-01-01", "limit=1001", "limit=-1", "x=1"};
    World *w = world_new();

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char target[64];

        snprintf(target, sizeof(target), "/alerts?%s", bad[i]);
        get(w, target);
        assert_error(w, 400, "bad-request");
    }
    w->alerts_answer = -EBUSY;
    get(w, "/alerts");
    assert_error(w, 503, "busy");
    cr_assert(says(w, "Retry-After: 1"));
    world_free(w);
}

/* The answer comes later; or the one who asked doesn't wait for it. */
Test(http_alerts, alerts_may_take_their_time)
{
    static const char question[] = "GET /alerts HTTP/1.1\r\nHost: localhost\r\n\r\n";
    AlertPage page = {.source = ALERTS_JOURNAL};
    World *w = world_new();
    int fd = dial(w);

    w->alerts_answer = 1;
    send_all(w, fd, question, strlen(question));
    while (!w->found)
        turn(w, 5);
    turn(w, 50);
    w->found(0, &page, w->found_userdata);
    receive(w, fd, "\"alerts\":[]}");
    w->found = NULL;
    send_all(w, fd, question, strlen(question));
    while (!w->found)
        turn(w, 5);
    w->found(-EIO, NULL, w->found_userdata);
    receive(w, fd, "\"error\":\"unavailable\"");
    w->found = NULL;
    send_all(w, fd, question, strlen(question));
    while (!w->found)
        turn(w, 5);
    w->http = http_server_free(w->http);
    w->found(0, &page, w->found_userdata);
    close(fd);
    world_free(w);
}
