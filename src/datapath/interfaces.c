/* SPDX-License-Identifier: MIT */
#include "datapath/interfaces.h"

#include <fnmatch.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

typedef struct IndexSet {
    uint32_t items[INTERFACES_MAX];
    size_t count;
} IndexSet;

static void index_set_add(IndexSet *set, uint32_t index)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i] == index)
            return;
    if (set->count < INTERFACES_MAX)
        set->items[set->count++] = index;
}

static bool index_set_has(const IndexSet *set, uint32_t index)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i] == index)
            return true;
    return false;
}

static int on_route(const struct nlmsghdr *header, void *data)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    const struct nlattr *attribute;
    uint32_t table = route->rtm_table, index = 0;

    if (route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST)
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*route))
    {
        if (mnl_attr_get_type(attribute) == RTA_OIF)
            index = mnl_attr_get_u32(attribute);
        else if (mnl_attr_get_type(attribute) == RTA_TABLE)
            table = mnl_attr_get_u32(attribute);
    }
    if (index && table == RT_TABLE_MAIN)
        index_set_add(data, index);
    return MNL_CB_OK;
}

static void mnl_closep(struct mnl_socket **socket)
{
    if (*socket)
        mnl_socket_close(*socket);
}

static int default_routes_of(struct mnl_socket *socket, uint8_t family, IndexSet *ret)
{
    char buffer[16384];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct rtmsg *route;
    ssize_t n;
    int r = MNL_CB_OK;

    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = family;
    route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
    route->rtm_family = family;
    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
        return -errno;
    while (r > MNL_CB_STOP) {
        n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (n < 0)
            return -errno;
        r = mnl_cb_run(buffer, (size_t)n, family, mnl_socket_get_portid(socket), on_route, ret);
    }
    return r < 0 ? -errno : 0;
}

static int default_routes(IndexSet *ret)
{
    _cleanup_(mnl_closep) struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int r;

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    r = default_routes_of(socket, AF_INET, ret);
    return r < 0 ? r : default_routes_of(socket, AF_INET6, ret);
}

static bool wanted(
        const StringList *patterns, const IndexSet *automatic, unsigned index, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (strcmp(patterns->items[i], "auto") == 0 && index_set_has(automatic, index))
            return true;
        if (fnmatch(patterns->items[i], name, 0) == 0)
            return true;
    }
    return false;
}

int interfaces_match(const StringList *patterns, Interface ret[static INTERFACES_MAX])
{
    struct if_nameindex *all = if_nameindex();
    IndexSet automatic = {};
    int n = 0, r;

    if (!all)
        return -errno;
    r = default_routes(&automatic);
    for (const struct if_nameindex *i = all; i->if_index != 0 && n < INTERFACES_MAX; i++) {
        if (!wanted(patterns, &automatic, i->if_index, i->if_name))
            continue;
        ret[n].ifindex = i->if_index;
        snprintf(ret[n].name, sizeof(ret[n].name), "%s", i->if_name);
        n++;
    }
    if_freenameindex(all);
    return n == 0 && r < 0 ? r : n;
}
