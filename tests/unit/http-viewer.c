/* SPDX-License-Identifier: MIT */
#include "http-viewer.h"

#include <string.h>

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

void push(World *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        PacketEvent event = packet((uint16_t)i);
        http_server_push_event(w->http, &event);
    }
}

int watch(World *w, const char *last_id)
{
    int fd = dial(w);
    char text[256];

    snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n",
            last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    send_all(w, fd, text, strlen(text));
    return fd;
}

void leave(World *w, int fd)
{
    close(fd);
    turn(w, 20);
    for (int i = 0; i < 2; i++) {
        push(w, 1);
        turn(w, 150);
    }
}
