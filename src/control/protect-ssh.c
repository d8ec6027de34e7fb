/* SPDX-License-Identifier: MIT */
/* Who is logged in over SSH, from here or to here: the peers of established TCP sockets with an SSH
 * port at either end, over sock_diag(7). The kernel compares the port (inet_diag_dump_icsk() skips
 * sockets whose source or destination port differs from a nonzero one in the request), so a machine
 * with a hundred thousand connections answers with a handful. */

#include "base/netlink-dump.h"
#include "control/protect-internal.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

static bool peer_address(const struct inet_diag_msg *socket, Address *ret)
{
    struct in6_addr in6;
    struct in_addr in;

    if (socket->idiag_family == AF_INET) {
        memcpy(&in, socket->id.idiag_dst, sizeof(in));
        *ret = address_from_in(in);
    } else if (socket->idiag_family == AF_INET6) {
        memcpy(&in6, socket->id.idiag_dst, sizeof(in6));
        *ret = address_from_in6(&in6);
    } else {
        return false;
    }
    return true;
}

static int on_socket(const struct nlmsghdr *header, void *userdata)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(header);
    Address address;

    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            mnl_nlmsg_get_payload_len(header) < sizeof(*socket) ||
            socket->idiag_state != TCP_ESTABLISHED || !peer_address(socket, &address))
        return MNL_CB_OK;
    return netlink_answer(protect_set_add(userdata, &address, PROTECT_SSH_PEER));
}

static int ask(ProtectSet *set, int family, uint16_t source_port, uint16_t destination_port)
{
    char buffer[256] = {};
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct inet_diag_req_v2 *diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));

    request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    diag->sdiag_family = (uint8_t)family;
    diag->sdiag_protocol = IPPROTO_TCP;
    diag->idiag_states = 1U << TCP_ESTABLISHED;
    diag->id.idiag_sport = htons(source_port);
    diag->id.idiag_dport = htons(destination_port);
    return netlink_dump(NETLINK_SOCK_DIAG, request, on_socket, set);
}

static int ask_port(ProtectSet *set, int family, uint16_t port)
{
    int r = ask(set, family, port, 0);

    if (r >= 0)
        r = ask(set, family, 0, port);
    /* The kernel has no such family, or not its sock_diag: then there is nobody to protect. */
    return r == -ENOENT || r == -EAFNOSUPPORT ? 0 : r;
}

int protect_ask_ssh_peers(ProtectSet *set, const uint16_t *ports, size_t n_ports)
{
    int r = 0;

    for (size_t i = 0; i < n_ports && r >= 0; i++) {
        r = ask_port(set, AF_INET, ports[i]);
        if (r >= 0)
            r = ask_port(set, AF_INET6, ports[i]);
    }
    return r;
}
