/* SPDX-License-Identifier: MIT */
#include "http-world.h"

#include "../unit/http-daemon.h"

#include <sys/socket.h>
#include <sys/un.h>

static World *w;
static struct sockaddr_un address;

static void add_flows(void)
{
    uint64_t now = clock_monotonic_ns();

    flow_table_scan_begin(w->flows, now);
    for (unsigned i = 0; i < 200; i++) {
        FlowSample sample = {.packets = i + 1,
                .bytes = 100ULL * i,
                .first_seen_ns = now,
                .last_seen_ns = now,
                .action = (uint8_t)(i % _ACTION_MAX)};

        sample.key.protocol = i % 3 == 0 ? 6 : 17;
        sample.key.sport = (uint16_t)(1000 + i);
        sample.key.dport = 443;
        CHECK(address_parse(i % 2 ? "192.0.2.1" : "2001:db8::1", &sample.key.src) == 0);
        CHECK(address_parse(i % 2 ? "198.51.100.9" : "2001:db8::9", &sample.key.dst) == 0);
        CHECK(flow_table_add(w->flows, &sample, now) == 0);
    }
    flow_table_scan_end(w->flows, now);
}

static int listen_here(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/http.sock", w->folder);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(fd, 8) == 0);
    return fd;
}

static void stop(void)
{
    world_free(w);
}

static void start(void)
{
    int fd;

    if (w)
        return;
    w = world_new_unstarted();
    add_flows();
    fd = listen_here();
    start_http(w, &fd, 1);
    atexit(stop);
}

/* False: nothing happened for a while. */
static bool turn_once(void)
{
    int r = sd_event_run(w->event, 100 * USEC_PER_MSEC);

    CHECK(r >= 0);
    return r > 0;
}

/* What has come. False: nothing more will. */
static bool receive(int fd, TextBuffer *answer)
{
    char buffer[16384];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
        text_append_bytes(answer, buffer, (size_t)n);
    return n < 0 && errno == EAGAIN;
}

static void send_all(int fd, const TextBuffer *request)
{
    for (size_t done = 0; done < request->size;) {
        ssize_t n =
                send(fd, request->data + done, request->size - done, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN)
            return; /* it hung up: what it said is still to be read */
        if (n < 0)
            turn_once();
        else
            done += (size_t)n;
    }
}

void http_world_exchange(const TextBuffer *request, bool then_hang_up, TextBuffer *ret_answer)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint64_t end = clock_monotonic_ns() + 20 * NSEC_PER_SEC;

    start();
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    send_all(fd, request);
    /* libmicrohttpd must have taken the bytes, or it would not notice the end after them. */
    for (int turns = 0; then_hang_up && turns < 2; turns++)
        turn_once();
    while (receive(fd, ret_answer)) {
        CHECK(clock_monotonic_ns() < end); /* answered, or cut off: never left waiting */
        if (then_hang_up || !turn_once())
            (void)shutdown(fd, SHUT_WR);
        then_hang_up = false;
    }
}

static void on_removed(const CommandResult *result, void *userdata)
{
    bool *done = userdata;

    CHECK(result->error == CONTROL_OK);
    *done = true;
}

static void remove_first(const List *list)
{
    char text[PREFIX_TEXT_MAX];
    Command command = {.list = list_id(list),
            .verb = COMMAND_REMOVE,
            .address = prefix_format(&list_first(list)->prefix, text)};
    bool done = false;

    CHECK(control_submit(w->control, &command, NULL, on_removed, &done) == 0);
    while (!done)
        turn_once();
}

void http_world_empty_lists(void)
{
    start();
    for (ListId id = 0; id < _LIST_MAX; id++)
        while (list_count(control_list(w->control, id)) > 0)
            remove_first(control_list(w->control, id));
}
