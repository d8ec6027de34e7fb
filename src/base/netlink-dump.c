/* SPDX-License-Identifier: MIT */
#include "base/netlink-dump.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <sys/socket.h>
#include <sys/time.h>

#define RECEIVE_TIMEOUT_USEC 200000
#define DUMP_TIMEOUT_NS      (500 * NSEC_PER_MSEC)
#define RECEIVE_BYTES        32768
#define DUMP_ATTEMPTS        3

static void close_socket(struct mnl_socket **socket)
{
    if (*socket)
        mnl_socket_close(*socket);
}

static int open_socket(int protocol, struct mnl_socket **ret)
{
    struct timeval timeout = {.tv_usec = RECEIVE_TIMEOUT_USEC};
    _cleanup_(close_socket) struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);

    if (!socket)
        return errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == EPERM ? -EOPNOTSUPP
                                                                                   : -errno;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
            setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
                    sizeof(timeout)) < 0)
        return -errno;
    *ret = TAKE_PTR(socket);
    return 0;
}

static int receive(struct mnl_socket *socket, unsigned seq, mnl_cb_t callback, void *userdata)
{
    _cleanup_free_ char *buffer = malloc(RECEIVE_BYTES);
    uint64_t deadline = clock_monotonic_ns() + DUMP_TIMEOUT_NS;
    int r = MNL_CB_OK;

    if (!buffer)
        return -ENOMEM;
    while (r == MNL_CB_OK) {
        ssize_t n = mnl_socket_recvfrom(socket, buffer, RECEIVE_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (clock_monotonic_ns() > deadline)
            return -ETIMEDOUT;
        r = mnl_cb_run(buffer, (size_t)n, seq, mnl_socket_get_portid(socket), callback, userdata);
    }
    return r < 0 ? -errno : 0;
}

/* A dump that raced a change is inconsistent (NLM_F_DUMP_INTR: -EINTR from libmnl) and is done
 * again; what it added meanwhile is added twice and united later. */
int netlink_dump(int protocol, struct nlmsghdr *request, mnl_cb_t callback, void *userdata)
{
    int r = -EINTR;

    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    for (unsigned attempt = 1; attempt <= DUMP_ATTEMPTS && r == -EINTR; attempt++) {
        _cleanup_(close_socket) struct mnl_socket *socket = NULL;

        r = open_socket(protocol, &socket);
        if (r < 0)
            return r;
        request->nlmsg_seq = attempt;
        if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
            return -errno;
        r = receive(socket, attempt, callback, userdata);
    }
    return r;
}

int netlink_answer(int r)
{
    if (r >= 0)
        return MNL_CB_OK;
    errno = -r;
    return MNL_CB_ERROR;
}
