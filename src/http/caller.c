/* SPDX-License-Identifier: MIT */
#include "http/caller.h"

#include "base/address.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static bool peer_credentials(int fd, struct ucred *ret)
{
    socklen_t size = sizeof(*ret);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) >= 0 && size == sizeof(*ret);
}

static bool ip_address(const struct sockaddr *address, Address *ret)
{
    if (address->sa_family == AF_INET)
        *ret = address_from_in(((const struct sockaddr_in *)address)->sin_addr);
    else if (address->sa_family == AF_INET6)
        *ret = address_from_in6(&((const struct sockaddr_in6 *)address)->sin6_addr);
    else
        return false;
    return true;
}

Caller caller_of(int fd, const struct sockaddr *address)
{
    Caller caller = {.transport = TRANSPORT_HTTP, .uid = UID_NONE};
    struct ucred credentials;
    Address ip;

    if (ip_address(address, &ip))
        address_format(&ip, caller.peer);
    else {
        caller.transport = TRANSPORT_UNIX;
        if (peer_credentials(fd, &credentials))
            caller.uid = credentials.uid;
    }
    return caller;
}

bool caller_is_loopback(const Caller *caller)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1"};
    Address address;
    Prefix prefix;

    if (caller->transport != TRANSPORT_HTTP || address_parse(caller->peer, &address) < 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(loopback); i++)
        if (prefix_parse(loopback[i], &prefix, NULL) >= 0 &&
                prefix_contains_address(&prefix, &address))
            return true;
    return false;
}

bool caller_has_group(int fd, const Members *members)
{
    _cleanup_free_ gid_t *groups = NULL;
    struct ucred credentials;
    socklen_t size = 0;

    if (peer_credentials(fd, &credentials) && members_have_group(members, credentials.gid))
        return true;
    /* The kernel tells how much room they need (socket(7)). */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) >= 0 || errno != ERANGE)
        return false;
    groups = malloc(size);
    if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof(*groups); i++)
        if (members_have_group(members, groups[i]))
            return true;
    return false;
}
