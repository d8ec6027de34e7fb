/* SPDX-License-Identifier: MIT */
/* IPv4 and IPv6 get a socket each (IPV6_V6ONLY), whatever net.ipv6.bindv6only says, so that a
 * peer's address has one form and a machine without IPv6 serves IPv4 all the same. */

#include "http/sockets.h"

#include "base/address.h"

#include <string.h>
#include <sys/socket.h>

#define BACKLOG SOMAXCONN

typedef union SocketAddress {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
} SocketAddress;

uint16_t socket_port(int fd)
{
    SocketAddress address = {};
    socklen_t size = sizeof(address);

    if (getsockname(fd, &address.any, &size) < 0)
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.in.sin_port);
    if (address.any.sa_family == AF_INET6)
        return ntohs(address.in6.sin6_port);
    return 0;
}

static int open_socket(const SocketAddress *address, socklen_t size, int *ret)
{
    static const int one = 1;
    int family = address->any.sa_family;
    _cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
        return -errno;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
        return -errno;
    if (bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

static int open_listener(const Address *address, bool ipv4, uint16_t port, int *ret)
{
    SocketAddress to = {};

    if (ipv4) {
        to.in.sin_family = AF_INET;
        to.in.sin_port = htons(port);
        if (address)
            memcpy(&to.in.sin_addr, address->bytes + 12, 4);
        return open_socket(&to, sizeof(to.in), ret);
    }
    to.in6.sin6_family = AF_INET6;
    to.in6.sin6_port = htons(port);
    if (address)
        memcpy(&to.in6.sin6_addr, address->bytes, 16);
    return open_socket(&to, sizeof(to.in6), ret);
}

static const char *advice(int error)
{
    switch (error) {
    case -EADDRINUSE:
        return "; is another ntc running? `ss -ltnp` tells; or set server.port (--port)";
    case -EACCES:
        return "; ports below 1024 need a privilege: set server.port (--port)";
    case -EADDRNOTAVAIL:
        return "; no interface has this address: see server.listen";
    default:
        return "";
    }
}

static int complain(ConfigError *error, const char *address, uint16_t port, int r)
{
    snprintf(error->message, sizeof(error->message), "can't listen on %s port %u: %s%s", address,
            port, strerror(-r), advice(r));
    return r;
}

/* All addresses: IPv4 must work or IPv6 must; a machine may lack one of them. */
static int listen_everywhere(uint16_t port, int *fds, size_t *ret_n, ConfigError *error)
{
    size_t n = 0;
    int r4 = open_listener(NULL, true, port, &fds[0]), r6;

    if (r4 >= 0)
        port = socket_port(fds[n++]);
    else if (r4 != -EAFNOSUPPORT)
        return complain(error, "0.0.0.0", port, r4);

    r6 = open_listener(NULL, false, port, &fds[n]);
    if (r6 >= 0)
        n++;
    else if (n == 0 || (r6 != -EAFNOSUPPORT && r6 != -EADDRNOTAVAIL)) {
        if (n > 0)
            safe_close(fds[0]);
        return complain(error, "::", port, r6);
    }
    *ret_n = n;
    return 0;
}

int sockets_listen(const Config *config, int *fds, size_t max, size_t *ret_n, ConfigError *error)
{
    const StringList *listen_on = &config->server.listen;
    uint16_t port = config->server.port;
    size_t n = 0;
    int r = 0;

    if (listen_on->count == 0)
        return listen_everywhere(port, fds, ret_n, error);
    for (size_t i = 0; i < listen_on->count && r >= 0; i++) {
        Address address;

        if (n == max)
            r = -E2BIG;
        else
            r = address_parse(listen_on->items[i], &address);
        if (r >= 0)
            r = open_listener(&address, address_is_ipv4(&address), port, &fds[n]);
        if (r < 0)
            complain(error, listen_on->items[i], port, r);
        else
            port = socket_port(fds[n++]);
    }
    if (r < 0) {
        while (n > 0)
            safe_close(fds[--n]);
        return r;
    }
    *ret_n = n;
    return 0;
}
