/* SPDX-License-Identifier: MIT */
/* The kernel's answer is not simply believed:
 *
 *  - Asked for a tuple that has no connection it tells of the listening socket with that address.
 *    So the tuple of the answer is compared.
 *  - A socket whose owner has closed it lives on while it says goodbye, belongs to nobody, and is
 *    reported with uid 0: who sends and closes at once would look like root (tried on 6.18). Such a
 *    socket has no inode; the kernel reads the uid before the inode, so an inode vouches for the
 *    uid. Only states in which a process can still hold the socket count.
 *  - Between the request and the question the other end could have been closed, and its port taken
 *    by somebody else's new connection. As long as our own end is open that is impossible: a new
 *    connection with the same tuple would have to reset it first. So our end is looked at, after
 *    the answer. */

#include "http/peer-owner.h"

#include "base/address.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define LOOPBACK_IFINDEX 1 /* finds sockets bound to "lo", and those bound to no device */
#define STALE_MAX        16

typedef struct Endpoint {
    Address address;
    uint16_t port_be;
} Endpoint;

typedef struct Question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
} Question;

typedef union Answer {
    struct nlmsghdr header;
    char bytes[8192];
} Answer;

static int open_netlink(PeerOwner *owner)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    _cleanup_close_ int fd =
            socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

    if (fd < 0)
        return errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT ? -EOPNOTSUPP : -errno;
    if (connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return -errno;
    owner->netlink = TAKE_FD(fd);
    return 0;
}

void peer_owner_done(PeerOwner *owner)
{
    owner->netlink = safe_close(owner->netlink);
}

/* --- the two ends */

static int endpoint(int (*ask)(int fd, struct sockaddr *, socklen_t *), int fd, Endpoint *ret)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } name = {};
    socklen_t size = sizeof(name);

    if (ask(fd, &name.any, &size) < 0)
        return -errno;
    if (name.any.sa_family == AF_INET)
        *ret = (Endpoint){address_from_in(name.in.sin_addr), name.in.sin_port};
    else if (name.any.sa_family == AF_INET6)
        *ret = (Endpoint){address_from_in6(&name.in6.sin6_addr), name.in6.sin6_port};
    else
        return -EAFNOSUPPORT;
    return 0;
}

/* Ours, as the kernel has it now. */
static bool still_open(int fd)
{
    struct tcp_info info = {};
    socklen_t size = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) >= 0 &&
           (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

/* --- question and answer */

static void put_address(__be32 *words, const Address *address)
{
    if (address_is_ipv4(address))
        memcpy(words, address->bytes + 12, 4);
    else
        memcpy(words, address->bytes, 16);
}

/* From the other end's point of view: its address is the source. */
static void ask_for(Question *question, const Endpoint *remote, const Endpoint *local)
{
    struct inet_diag_req_v2 *request = &question->request;

    request->sdiag_family = address_is_ipv4(&remote->address) ? AF_INET : AF_INET6;
    request->sdiag_protocol = IPPROTO_TCP;
    request->idiag_states = UINT32_MAX;
    request->id.idiag_sport = remote->port_be;
    request->id.idiag_dport = local->port_be;
    put_address(request->id.idiag_src, &remote->address);
    put_address(request->id.idiag_dst, &local->address);
    request->id.idiag_if = LOOPBACK_IFINDEX;
    request->id.idiag_cookie[0] = request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* An IPv6 socket may hold an IPv4 connection: its addresses are then mapped ones. */
static bool same_address(uint8_t family, const __be32 *words, const Address *address)
{
    struct in6_addr in6;
    struct in_addr in;
    Address found;

    if (family == AF_INET) {
        memcpy(&in, words, sizeof(in));
        found = address_from_in(in);
    } else if (family == AF_INET6) {
        memcpy(&in6, words, sizeof(in6));
        found = address_from_in6(&in6);
    } else
        return false;
    return address_equal(&found, address);
}

static bool believable(
        const struct inet_diag_msg *socket, const Endpoint *remote, const Endpoint *local)
{
    const struct inet_diag_sockid *id = &socket->id;
    bool held = socket->idiag_state == TCP_ESTABLISHED || socket->idiag_state == TCP_FIN_WAIT1 ||
                socket->idiag_state == TCP_FIN_WAIT2;

    return held && socket->idiag_inode != 0 && id->idiag_sport == remote->port_be &&
           id->idiag_dport == local->port_be &&
           same_address(socket->idiag_family, id->idiag_src, &remote->address) &&
           same_address(socket->idiag_family, id->idiag_dst, &local->address);
}

/* The kernel answers while it is asked, so that the answer is there already. What a question before
 * left behind is passed over. */
static int receive(PeerOwner *owner, Answer *answer, size_t *ret_size)
{
    for (int i = 0; i < STALE_MAX; i++) {
        ssize_t n = recv(owner->netlink, answer, sizeof(*answer), MSG_DONTWAIT);

        if (n < 0)
            return -errno;
        if ((size_t)n < sizeof(answer->header) || answer->header.nlmsg_len > (size_t)n)
            return -EPROTO;
        if (answer->header.nlmsg_seq == owner->sequence) {
            *ret_size = answer->header.nlmsg_len;
            return 0;
        }
    }
    return -EAGAIN;
}

static int understand(const Answer *answer, size_t size, const struct inet_diag_msg **ret)
{
    const char *payload = answer->bytes + NLMSG_HDRLEN;
    const struct nlmsgerr *error = (const void *)payload;

    if (answer->header.nlmsg_type == NLMSG_ERROR) {
        if (size < NLMSG_LENGTH(sizeof(*error)) || error->error >= 0)
            return -EPROTO;
        return error->error;
    }
    if (answer->header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            size < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
        return -EPROTO;
    *ret = (const void *)payload;
    return 0;
}

static int exchange(PeerOwner *owner, Question *question, Answer *answer, size_t *ret_size)
{
    question->header = (struct nlmsghdr){.nlmsg_len = sizeof(*question),
            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
            .nlmsg_flags = NLM_F_REQUEST,
            .nlmsg_seq = ++owner->sequence};
    if (send(owner->netlink, question, sizeof(*question), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return -errno;
    return receive(owner, answer, ret_size);
}

static int ask_kernel(
        PeerOwner *owner, const Endpoint *remote, const Endpoint *local, uint32_t *ret_uid)
{
    const struct inet_diag_msg *socket = NULL;
    Question question = {};
    Answer answer;
    size_t size = 0;
    int r = owner->netlink >= 0 ? 0 : open_netlink(owner);

    if (r < 0)
        return r;
    ask_for(&question, remote, local);
    r = exchange(owner, &question, &answer, &size);
    if (r < 0) {
        peer_owner_done(owner); /* whatever it is: the next question gets a fresh socket */
        return r;
    }
    r = understand(&answer, size, &socket);
    if (r < 0)
        return r;
    if (!believable(socket, remote, local))
        return -ENOTCONN;
    *ret_uid = socket->idiag_uid;
    return 0;
}

int peer_owner_ask(PeerOwner *owner, int fd, uint32_t *ret_uid)
{
    Endpoint remote, local;
    uint32_t uid = 0;
    int r = endpoint(getpeername, fd, &remote);

    if (r >= 0)
        r = endpoint(getsockname, fd, &local);
    if (r >= 0 && address_is_ipv4(&remote.address) != address_is_ipv4(&local.address))
        r = -EPROTO;
    if (r >= 0)
        r = ask_kernel(owner, &remote, &local, &uid);
    if (r < 0)
        return r == -ENOENT ? -ENOTCONN : r;
    if (!still_open(fd))
        return -ENOTCONN;
    *ret_uid = uid;
    return 0;
}

/* Port 0 is nobody's. */
void peer_owner_init(PeerOwner *owner)
{
    Endpoint nobody = {.address = address_from_in((struct in_addr){htonl(INADDR_LOOPBACK)})};
    uint32_t uid;

    *owner = (PeerOwner){.netlink = -EBADF};
    (void)ask_kernel(owner, &nobody, &nobody, &uid);
}
