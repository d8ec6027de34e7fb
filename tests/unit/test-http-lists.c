/* SPDX-License-Identifier: MIT */
/* /blacklist and /whitelist. */

#include "http-world.h"

#include <string.h>

/* --- the lists */

Test(http_lists, an_entry_is_added_shown_and_removed)
{
    World *w = world_new();

    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"203.0.113.7\"}"), 200, "%s", w->response);
    cr_assert(says(w, "{\"ok\":true,\"ip\":\"203.0.113.7\",\"changed\":true}"), "%s", w->response);
    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"::ffff:203.0.113.7\"}"), 200);
    cr_assert(says(w, "{\"ok\":true,\"ip\":\"203.0.113.7\",\"changed\":false}"), "%s", w->response);
    cr_assert_eq(
            post(w, "/whitelist",
                    "{\"ip\":\"2001:db8::/32\",\"ttl\":3600,\"comment\":\"a \\\"b\\\" \xc3\xa9\"}"),
            200, "%s", w->response);

    cr_assert_eq(get(w, "/blacklist"), 200);
    cr_assert(says(w, "{\"list\":\"blacklist\",\"count\":1,\"capacity\":1024,\"entries\":[{\"ip\":"
                      "\"203.0.113.7\",\"added\":\"2"),
            "%s", w->response);
    cr_assert(says(w,
            "\"comment\":\"\",\"expires\":null,\"confirm_by\":null,\"origin\":\"manual\",\"packets\":0,"
            "\"bytes\":0}]"));
    cr_assert_eq(get(w, "/whitelist"), 200);
    cr_assert(says(w, "\"comment\":\"a \\\"b\\\" \xc3\xa9\",\"expires\":\"2"), "%s", w->response);
    json_object_put(body_json(w));

    cr_assert_eq(
            request(w, "DELETE", "/blacklist?ip=203.0.113.7", "", NULL), 200, "%s", w->response);
    cr_assert(says(w, "\"ok\":true,\"ip\":\"203.0.113.7\""));
    request(w, "DELETE", "/blacklist?ip=203.0.113.7", "", NULL);
    assert_error(w, 404, "not-found");
    request(w, "DELETE", "/whitelist?ip=2001:db8::%2F32", "", NULL);
    cr_assert_eq(status_of(w->response), 200, "%s", w->response);
    world_free(w);
}

Test(http_lists, an_entry_waits_to_be_confirmed)
{
    World *w = world_new();

    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"203.0.113.7\",\"confirm\":60}"), 200);
    cr_assert_eq(get(w, "/blacklist"), 200);
    cr_assert(says(w, "\"confirm_by\":\"2"), "%s", w->response);
    cr_assert_eq(post(w, "/blacklist/confirm", "{\"ip\":\"203.0.113.7\"}"), 200);
    cr_assert(says(w, "\"changed\":true"), "%s", w->response);
    cr_assert_eq(get(w, "/blacklist"), 200);
    cr_assert(says(w, "\"expires\":null,\"confirm_by\":null"), "%s", w->response);
    post(w, "/whitelist/confirm", "{\"ip\":\"203.0.113.7\"}");
    assert_error(w, 404, "not-found");
    post(w, "/blacklist/confirm", "{\"ip\":\"203.0.113.7\",\"ttl\":5}");
    assert_error(w, 400, "bad-request");
    world_free(w);
}

Test(http_lists, lists_come_in_pages_and_can_be_searched)
{
    World *w = world_new();
    char body[128];

    for (int i = 0; i < 30; i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"198.51.100.%d\",\"comment\":\"%s\"}", i,
                i % 3 ? "odd" : "Even");
        cr_assert_eq(post(w, "/blacklist", body), 200, "%s", w->response);
    }
    cr_assert_eq(post(w, "/blacklist", "{\"ip\":\"100.64.0.0/10\"}"), 200, "%s", w->response);
    get(w, "/blacklist?limit=2&offset=28");
    cr_assert(says(w, "\"count\":31,"));
    cr_assert(says(w, "\"matched\":31"));
    cr_assert(says(w, "198.51.100.28"));
    cr_assert_not(says(w, "198.51.100.27\""));
    cr_assert_not(says(w, "100.64.0.0"));
    get(w, "/blacklist?limit=2&order=newest");
    cr_assert(strstr(w->response, "100.64.0.0") < strstr(w->response, "198.51.100.29"));
    cr_assert_not(says(w, "198.51.100.28"));
    get(w, "/blacklist?q=even&limit=1");
    cr_assert(says(w, "\"count\":31,"));
    cr_assert(says(w, "\"matched\":10"));
    get(w, "/blacklist?q=100.65.1.2");
    cr_assert(says(w, "\"matched\":1"), "the prefix that contains it: %s", w->response);
    get(w, "/blacklist?offset=100");
    cr_assert(says(w, "\"entries\":[]"));
    world_free(w);
}

Test(http_lists, bad_bodies_change_nothing)
{
    static const char *const bad[] = {"", "{", "[]", "\"203.0.113.7\"", "{}", "{\"ip\":7}",
            "{\"ip\":\"203.0.113.7\",\"tll\":5}", "{\"ip\":\"203.0.113.7\"} x",
            "{\"ip\":\"203.0.113.7\",\"ip\":\"203.0.113.8\"}",
            "{\"ip\":\"203.0.113.7\",\"ttl\":-1}", "{\"ip\":\"203.0.113.7\",\"ttl\":1.5}",
            "{\"ip\":\"203.0.113.7\",\"ttl\":\"1\"}", "{\"ip\":\"203.0.113.7\",\"force\":1}",
            "{\"ip\":\"203.0.113.7\",\"comment\":{}}", "{\"ip\":\"203.0.113.7\\u0000\"}",
            "{\"ip\":\"203.0.113.7\",\"comment\":\"\xff\"}", "{\"ip\":[[[[[[[[\"x\"]]]]]]]]}"};
    static const char *const addresses[] = {
            "203.0.113.7/24", "203.0.113", "fe80::1%eth0", "example.com", "203.0.113.07", ""};
    World *w = world_new();
    char body[128];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        post(w, "/blacklist", bad[i]);
        assert_error(w, 400, "bad-request");
    }
    for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"%s\"}", addresses[i]);
        post(w, "/blacklist", body);
        assert_error(w, 400, "invalid-address");
    }
    request(w, "DELETE", "/blacklist", "", NULL);
    assert_error(w, 400, "bad-request");
    request(w, "DELETE", "/blacklist?ip=nonsense", "", NULL);
    assert_error(w, 400, "invalid-address");
    cr_assert_eq(list_count(control_list(w->control, LIST_BLACKLIST)), 0);
    world_free(w);
}

Test(http_lists, a_protected_address_needs_force)
{
    World *w = world_new();

    post(w, "/blacklist", "{\"ip\":\"127.0.0.1\"}");
    assert_error(w, 409, "protected");
    post(w, "/blacklist", "{\"ip\":\"127.0.0.1\",\"force\":true}");
    cr_assert_eq(status_of(w->response), 200, "%s", w->response);
    world_free(w);
}

Test(http_lists, the_list_has_a_limit)
{
    World *w = world_new();
    char body[64];

    for (int i = 0; i < 1024; i++) {
        snprintf(body, sizeof(body), "{\"ip\":\"198.18.%d.%d\"}", i / 256, i % 256);
        cr_assert_eq(post(w, "/blacklist", body), 200, "%s", w->response);
    }
    post(w, "/blacklist", "{\"ip\":\"203.0.113.1\"}");
    assert_error(w, 409, "limit-reached");
    world_free(w);
}
