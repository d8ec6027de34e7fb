/* SPDX-License-Identifier: MIT */
#include "datapath/interfaces.h"

#include "base/cleanup.h"
#include "base/netlink-dump.h"

#include <fnmatch.h>
#include <linux/rtnetlink.h>
#include <string.h>

void interfaces_done(Interfaces *interfaces)
{
    free(interfaces->items);
    *interfaces = (Interfaces){};
}

const Interface *interfaces_find(const Interfaces *interfaces, uint32_t ifindex)
{
    for (size_t i = 0; i < interfaces->count; i++)
        if (interfaces->items[i].ifindex == ifindex)
            return &interfaces->items[i];
    return NULL;
}

int interfaces_add(Interfaces *interfaces, const Interface *interface)
{
    if (interfaces->count == interfaces->allocated) {
        size_t n = MAX_OF(2 * interfaces->allocated, (size_t)16);
        Interface *items = reallocarray(interfaces->items, n, sizeof(*items));

        if (!items)
            return -ENOMEM;
        interfaces->items = items;
        interfaces->allocated = n;
    }
    interfaces->items[interfaces->count++] = *interface;
    return 0;
}

bool interface_is_wanted(const Interface *interface, const StringList *patterns)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (strcmp(patterns->items[i], "auto") == 0 && interface->default_route)
            return true;
        if (fnmatch(patterns->items[i], interface->name, 0) == 0)
            return true;
    }
    return false;
}

/* --- links */

static int on_link(const struct nlmsghdr *header, void *userdata)
{
    const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
    Interface interface = {.ifindex = (uint32_t)message->ifi_index, .type = message->ifi_type};
    const struct nlattr *attribute;
    bool lower_elsewhere = false;
    Interfaces *all = userdata;

    if (header->nlmsg_type != RTM_NEWLINK)
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*message))
    {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            snprintf(interface.name, sizeof(interface.name), "%s", mnl_attr_get_str(attribute));
            break;
        case IFLA_MASTER:
            interface.master = mnl_attr_get_u32(attribute);
            break;
        case IFLA_LINK:
            interface.lower = mnl_attr_get_u32(attribute);
            break;
        case IFLA_LINK_NETNSID:
            lower_elsewhere = true;
            break;
        default:
            break;
        }
    }
    if (lower_elsewhere || interface.lower == interface.ifindex)
        interface.lower = 0;
    /* A dump that had to begin again tells the same ones once more. */
    return interfaces_find(all, interface.ifindex)
                   ? MNL_CB_OK
                   : netlink_answer(interfaces_add(all, &interface));
}

static int read_links(Interfaces *all)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {};
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

    request->nlmsg_type = RTM_GETLINK;
    message->ifi_family = AF_UNSPEC;
    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return netlink_dump(NETLINK_ROUTE, request, on_link, all);
}

/* --- default routes */

static void mark(Interfaces *all, uint32_t ifindex)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].ifindex == ifindex)
            all->any_default_route = all->items[i].default_route = true;
}

/* Several ways in one route: a row of struct rtnexthop, each with attributes of its own. */
static void mark_multipath(Interfaces *all, const struct nlattr *multipath)
{
    const char *data = mnl_attr_get_payload(multipath);
    size_t left = mnl_attr_get_payload_len(multipath);

    while (left >= sizeof(struct rtnexthop)) {
        const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)data;
        size_t step = RTNH_ALIGN(hop->rtnh_len);

        if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
            break;
        mark(all, (uint32_t)hop->rtnh_ifindex);
        step = MIN_OF(left, step);
        data += step;
        left -= step;
    }
}

static int on_route(const struct nlmsghdr *header, void *userdata)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    const struct nlattr *attribute, *multipath = NULL;
    uint32_t table = route->rtm_table, ifindex = 0;

    if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len != 0 ||
            route->rtm_type != RTN_UNICAST || (route->rtm_flags & RTM_F_CLONED))
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*route))
    {
        if (mnl_attr_get_type(attribute) == RTA_OIF)
            ifindex = mnl_attr_get_u32(attribute);
        else if (mnl_attr_get_type(attribute) == RTA_TABLE)
            table = mnl_attr_get_u32(attribute);
        else if (mnl_attr_get_type(attribute) == RTA_MULTIPATH)
            multipath = attribute;
    }
    if (table != RT_TABLE_MAIN)
        return MNL_CB_OK;
    if (ifindex)
        mark(userdata, ifindex);
    if (multipath)
        mark_multipath(userdata, multipath);
    return MNL_CB_OK;
}

static int read_routes(Interfaces *all, int family)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {};
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
    int r;

    request->nlmsg_type = RTM_GETROUTE;
    message->rtm_family = (unsigned char)family;
    r = netlink_dump(NETLINK_ROUTE, request, on_route, all);
    /* That family may be switched off. */
    return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

int interfaces_read(Interfaces *ret)
{
    _cleanup_(interfaces_done) Interfaces all = {};
    int r = read_links(&all);

    if (r >= 0)
        r = read_routes(&all, AF_INET);
    if (r >= 0)
        r = read_routes(&all, AF_INET6);
    if (r < 0)
        return r;
    *ret = all;
    all = (Interfaces){};
    return 0;
}
