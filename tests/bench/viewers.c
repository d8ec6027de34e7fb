/* SPDX-License-Identifier: MIT */
/* usage: viewers PORT CLIENTS SECONDS
 *
 * So many clients of GET /events on 127.0.0.1, who read all they are sent. Once each has seen an
 * event it says "ready", counts for so long, and prints as JSON how many events each got in a
 * second, and how many clients missed a number or were cut off. Numbers are looked at from the
 * first on. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, LINE_BYTES = 48, START_SECONDS = 20 };

typedef struct Viewer {
    int fd;
    bool in_body, lost, ended;
    size_t chunk_left;     /* of the running chunk */
    char line[LINE_BYTES]; /* the beginning of the running line */
    size_t line_size;
    uint64_t events, last;
} Viewer;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(const char *port)
{
    static const char request[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)atoi(port)),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
            send(fd, request, strlen(request), 0) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        perror("viewers");
        exit(1);
    }
    return fd;
}

/* --- what is sent: head, chunks, lines
 * ----------------------------------------------------------------- */

static void take_event(Viewer *v, uint64_t number)
{
    v->lost |= v->last != 0 && number != v->last + 1;
    v->last = number;
    v->events++;
}

/* Keeps the beginning of each line. True at its end. */
static bool take_line(Viewer *v, const char **at, const char *end)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    size_t n = (size_t)((newline ? newline : end) - *at);
    size_t room = LINE_BYTES - 1 - v->line_size, kept = n < room ? n : room;

    memcpy(v->line + v->line_size, *at, kept);
    v->line_size += kept;
    *at = newline ? newline + 1 : end;
    v->line[v->line_size] = '\0';
    if (newline)
        v->line_size = 0;
    return newline != NULL;
}

static void take_body(Viewer *v, const char *at, const char *end)
{
    while (at < end)
        if (take_line(v, &at, end) && strncmp(v->line, "id: ", 4) == 0)
            take_event(v, strtoull(v->line + 4, NULL, 10));
}

/* A chunk's size stands on a line of its own, behind the end of the chunk before. */
static void take_size(Viewer *v, const char **at, const char *end)
{
    if (take_line(v, at, end) && v->line[0] != '\r')
        v->chunk_left = strtoul(v->line, NULL, 16);
}

static void take(Viewer *v, const char *at, const char *end)
{
    while (at < end) {
        size_t n = (size_t)(end - at);

        if (!v->in_body)
            v->in_body = take_line(v, &at, end) && v->line[0] == '\r';
        else if (v->chunk_left == 0)
            take_size(v, &at, end);
        else {
            n = n < v->chunk_left ? n : v->chunk_left;
            take_body(v, at, at + n);
            v->chunk_left -= n;
            at += n;
        }
    }
}

static void receive(Viewer *v)
{
    static char buffer[READ_BYTES];
    ssize_t n = recv(v->fd, buffer, sizeof(buffer), 0);

    if (n > 0)
        take(v, buffer, buffer + n);
    else if (n == 0 || errno != EAGAIN) {
        v->ended = true;
        close(v->fd);
    }
}

/* --- all of them
 * -------------------------------------------------------------------------------------- */

static bool all_begun(const Viewer *viewers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (viewers[i].events == 0 && !viewers[i].ended)
            return false;
    return true;
}

static void read_until(int epoll, double end, const Viewer *begin, size_t n)
{
    struct epoll_event events[256];

    while (now() < end && !(begin && all_begun(begin, n))) {
        int ready = epoll_wait(epoll, events, 256, 20);

        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    size_t n = argc == 4 ? (size_t)atoi(argv[2]) : 0, losing = 0;
    Viewer *viewers = calloc(n + 1, sizeof(*viewers));
    int epoll = epoll_create1(0);
    uint64_t events = 0;
    double began;

    if (n == 0 || !viewers || epoll < 0)
        return 2;
    for (size_t i = 0; i < n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &viewers[i]};

        viewers[i].fd = dial(argv[1]);
        epoll_ctl(epoll, EPOLL_CTL_ADD, viewers[i].fd, &event);
    }
    read_until(epoll, now() + START_SECONDS, viewers, n);
    for (size_t i = 0; i < n; i++)
        viewers[i].events = 0;
    puts("ready");
    fflush(stdout);
    began = now();
    read_until(epoll, began + atof(argv[3]), NULL, 0);
    began = now() - began;
    for (size_t i = 0; i < n; i++) {
        events += viewers[i].events;
        losing += viewers[i].lost || viewers[i].ended || viewers[i].events == 0;
    }
    printf("{\"clients\": %zu, \"losing\": %zu, \"events_per_client\": %.1f}\n", n, losing,
            (double)events / (double)n / began);
    free(viewers);
    return 0;
}
