/* SPDX-License-Identifier: MIT */
/* Traffic in the guest, where there is neither Python nor curl.
 *
 *     traffic send SOURCE TARGET PORT COUNT     COUNT datagrams, paced; fails if one can't be sent
 *     traffic stream SOURCE TARGET PORT FILE    about 2,500 datagrams a second until killed
 *     traffic sink ADDRESS PORT FILE            counts datagrams until killed
 *     traffic count FILE                        prints the number that stream and sink keep there
 *     traffic http METHOD PATH [BODY]           to 127.0.0.1:8086; prints the body, 0 if it is 2xx
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HTTP_PORT "8086"

enum {
    BURST = 5,
    RECEIVE_BUFFER_BYTES = 64 << 20,
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void nap_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};

    nanosleep(&time, NULL);
}

/* IPv4 as IPv4, not mapped. Returns its size. */
static socklen_t address_of(const char *text, const char *port, struct sockaddr_storage *ret)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
    struct sockaddr_in *four = (struct sockaddr_in *)ret;
    uint16_t port_be = htons((uint16_t)atoi(port));

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = port_be;
        return sizeof(*four);
    }
    errno = EINVAL;
    if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1)
        die(text);
    six->sin6_family = AF_INET6;
    six->sin6_port = port_be;
    return sizeof(*six);
}

static int bound(const char *address, const char *port)
{
    struct sockaddr_storage local;
    socklen_t size = address_of(address, port, &local);
    int fd = socket(local.ss_family, SOCK_DGRAM, 0), bytes = RECEIVE_BUFFER_BYTES;

    if (fd < 0 || bind(fd, (struct sockaddr *)&local, size) < 0)
        die(address);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        die("SO_RCVBUFFORCE");
    return fd;
}

static int towards(const char *source, const char *target, const char *port)
{
    struct sockaddr_storage remote;
    socklen_t size = address_of(target, port, &remote);
    int fd = bound(source, "0");

    if (connect(fd, (struct sockaddr *)&remote, size) < 0)
        die(target);
    return fd;
}

/* A number in a file, shared with whoever looks. */
static volatile uint64_t *counter(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *page;

    if (fd < 0 || ftruncate(fd, sizeof(uint64_t)) < 0)
        die(path);
    page = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        die(path);
    close(fd);
    return page;
}

static int run_send(char **argv)
{
    int fd = towards(argv[0], argv[1], argv[2]), count = atoi(argv[3]);

    for (int i = 0; i < count; i++) {
        if (send(fd, "ntc", 3, 0) != 3)
            die("send");
        if (i % BURST == BURST - 1)
            nap_ms(1);
    }
    return 0;
}

static volatile sig_atomic_t ended;

static void on_term(int number)
{
    ended = number;
}

/* Ends between two datagrams: what was sent is what is counted. */
static int run_stream(char **argv)
{
    int fd = towards(argv[0], argv[1], argv[2]);
    volatile uint64_t *sent = counter(argv[3]);

    signal(SIGTERM, on_term);
    while (!ended) {
        for (int i = 0; i < BURST; i++)
            if (send(fd, "leak", 4, 0) == 4)
                ++*sent;
        nap_ms(2);
    }
    close(fd);
    return 0;
}

static int run_sink(char **argv)
{
    int fd = bound(argv[0], argv[1]);
    volatile uint64_t *received = counter(argv[2]);
    char buffer[2048];

    while (recv(fd, buffer, sizeof(buffer), 0) >= 0)
        ++*received;
    die("recv");
}

static int run_count(char **argv)
{
    return printf("%llu\n", (unsigned long long)*counter(argv[0])) < 0;
}

/* The whole answer, which the server ends by closing. */
static void exchange(const char *request, char *answer, size_t size)
{
    struct sockaddr_storage server;
    socklen_t length = address_of("127.0.0.1", HTTP_PORT, &server);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t have = 0;
    ssize_t n = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&server, length) < 0 ||
            write(fd, request, strlen(request)) != (ssize_t)strlen(request))
        die("http");
    while (n > 0 && have < size - 1) {
        n = read(fd, answer + have, size - 1 - have);
        have += n > 0 ? (size_t)n : 0;
    }
    answer[have] = '\0';
    close(fd);
}

static int run_http(char **argv)
{
    static char answer[1 << 20];
    const char *body = argv[2] ? argv[2] : "";
    char request[4096];
    char *text;

    snprintf(request, sizeof(request),
            "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
            argv[0], argv[1], strlen(body), body);
    exchange(request, answer, sizeof(answer));
    text = strstr(answer, "\r\n\r\n");
    puts(text ? text + 4 : answer);
    return strncmp(answer, "HTTP/1.1 2", 10) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **argv);
    } verbs[] = {{"send", 4, run_send}, {"stream", 4, run_stream}, {"sink", 3, run_sink},
            {"count", 1, run_count}, {"http", 2, run_http}};

    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0 && argc >= 2 + verbs[i].arguments)
            return verbs[i].run(argv + 2);
    fprintf(stderr, "traffic: bad command line; its source says how\n");
    return 2;
}
