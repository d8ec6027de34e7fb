/* SPDX-License-Identifier: MIT */
#include "http/access.h"

#include "http/routes.h"

#include <string.h>
#include <sys/socket.h>

static int connection_fd(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -EBADF;
}

static uint32_t peer_uid(int fd)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return UID_NONE;
    return credentials.uid;
}

static bool peer_address(struct MHD_Connection *connection, Address *ret)
{
    const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (!info || !info->client_addr)
        return false;
    if (info->client_addr->sa_family == AF_INET)
        *ret = address_from_in(((const struct sockaddr_in *)info->client_addr)->sin_addr);
    else if (info->client_addr->sa_family == AF_INET6)
        *ret = address_from_in6(&((const struct sockaddr_in6 *)info->client_addr)->sin6_addr);
    else
        return false;
    return true;
}

Caller access_caller(struct MHD_Connection *connection)
{
    Caller caller = {.transport = TRANSPORT_HTTP, .uid = UID_NONE};
    int fd = connection_fd(connection), domain = AF_UNSPEC;
    socklen_t size = sizeof(domain);
    Address address;

    if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) >= 0 &&
            domain == AF_UNIX) {
        caller.transport = TRANSPORT_UNIX;
        caller.uid = peer_uid(fd);
    } else if (peer_address(connection, &address))
        address_format(&address, caller.peer);
    return caller;
}

static bool is_loopback(const Caller *caller)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1"};
    Address address;
    Prefix prefix;

    if (address_parse(caller->peer, &address) < 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(loopback); i++)
        if (prefix_parse(loopback[i], &prefix, NULL) >= 0 &&
                prefix_contains_address(&prefix, &address))
            return true;
    return false;
}

static bool came_through_proxy(const Request *request)
{
    static const char *const headers[] = {
            "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"};

    for (size_t i = 0; i < ELEMENTSOF(headers); i++)
        if (request_header(request, headers[i]))
            return true;
    return false;
}

/* NULL: allowed; else the sentence that tells what to do instead. */
static const char *reason_to_refuse(const Request *request)
{
    const Caller *caller = &request->caller;

    if (caller->transport == TRANSPORT_UNIX)
        return caller->uid == 0 || caller->uid == geteuid()
                       ? NULL
                       : "only root and the daemon's own user may change things over this socket; use ntcctl";
    if (!is_loopback(caller))
        return "changes are accepted only from this machine itself: log in to it and use ntcctl, or curl to "
               "localhost";
    if (came_through_proxy(request))
        return "changes are not accepted through a proxy: use ntcctl, or curl to localhost, on the machine itself";
    return NULL;
}

bool access_may_write(Request *request)
{
    const HttpContext *context = &request->server->context;
    const char *reason = reason_to_refuse(request);

    if (!reason)
        return true;
    reply_error(&request->reply, 403, "forbidden", "%s", reason);
    if (context->access_denied)
        context->access_denied(&request->caller, routes_name(request), context->userdata);
    return false;
}
