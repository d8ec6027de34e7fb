/* SPDX-License-Identifier: MIT */
/* This machine's addresses and default gateways, over rtnetlink(7). */

#include "base/netlink-dump.h"
#include "control/protect-internal.h"

#include <linux/rtnetlink.h>
#include <string.h>

static bool read_address(const struct nlattr *attribute, int family, Address *ret)
{
    struct in6_addr in6;
    struct in_addr in;
    size_t size = mnl_attr_get_payload_len(attribute);

    if (family == AF_INET && size == sizeof(in)) {
        memcpy(&in, mnl_attr_get_payload(attribute), sizeof(in));
        *ret = address_from_in(in);
        return true;
    }
    if (family == AF_INET6 && size == sizeof(in6)) {
        memcpy(&in6, mnl_attr_get_payload(attribute), sizeof(in6));
        *ret = address_from_in6(&in6);
        return true;
    }
    return false;
}

/* --- addresses */

static bool is_loopback(const Address *address)
{
    return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)address->bytes) ||
           (address_is_ipv4(address) && address->bytes[12] == 127);
}

/* On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL ours; elsewhere they are equal,
 * and IPv6 has only the former (rtnetlink(7)). */
static int on_address(const struct nlmsghdr *header, void *userdata)
{
    const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
    const struct nlattr *attribute, *own = NULL;
    Address address;

    if (header->nlmsg_type != RTM_NEWADDR)
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*message))
    {
        int type = mnl_attr_get_type(attribute);

        if (type == IFA_LOCAL || (type == IFA_ADDRESS && !own))
            own = attribute;
    }
    if (!own || !read_address(own, message->ifa_family, &address) || is_loopback(&address))
        return MNL_CB_OK;
    return netlink_answer(protect_set_add(userdata, &address, PROTECT_OWN_ADDRESS));
}

int protect_ask_addresses(ProtectSet *set)
{
    char buffer[256] = {};
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

    request->nlmsg_type = RTM_GETADDR;
    message->ifa_family = AF_UNSPEC;
    return netlink_dump(NETLINK_ROUTE, request, on_address, set);
}

/* --- default gateways */

static int add_gateway(ProtectSet *set, const struct nlattr *attribute, int family)
{
    Address address;

    return read_address(attribute, family, &address)
                   ? protect_set_add(set, &address, PROTECT_GATEWAY)
                   : 0;
}

/* An IPv4 route may go by an IPv6 gateway (RFC 5549). */
static int add_via(ProtectSet *set, const struct nlattr *attribute)
{
    const struct rtvia *via = mnl_attr_get_payload(attribute);
    struct in6_addr in6;
    Address address;

    if (mnl_attr_get_payload_len(attribute) != sizeof(*via) + sizeof(in6) ||
            via->rtvia_family != AF_INET6)
        return 0;
    memcpy(&in6, via->rtvia_addr, sizeof(in6));
    address = address_from_in6(&in6);
    return protect_set_add(set, &address, PROTECT_GATEWAY);
}

static int add_nexthop(ProtectSet *set, const struct nlattr *attribute, int family)
{
    if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
        return add_gateway(set, attribute, family);
    if (mnl_attr_get_type(attribute) == RTA_VIA)
        return add_via(set, attribute);
    return 0;
}

static int add_nexthops(ProtectSet *set, const void *data, size_t size, int family)
{
    const char *end = (const char *)data + size;
    const struct nlattr *attribute = data;
    int r = 0;

    while (r >= 0 && mnl_attr_ok(attribute, (int)(end - (const char *)attribute))) {
        r = add_nexthop(set, attribute, family);
        attribute = mnl_attr_next(attribute);
    }
    return r;
}

/* Several default routes in one: a row of struct rtnexthop, each with attributes of its own. */
static int add_multipath(ProtectSet *set, const struct nlattr *multipath, int family)
{
    const char *data = mnl_attr_get_payload(multipath);
    size_t left = mnl_attr_get_payload_len(multipath);
    int r = 0;

    while (left >= sizeof(struct rtnexthop) && r >= 0) {
        const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)data;
        size_t step;

        if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
            break;
        r = add_nexthops(set, data + sizeof(*hop), hop->rtnh_len - sizeof(*hop), family);
        step = MIN_OF(left, (size_t)RTNH_ALIGN(hop->rtnh_len));
        data += step;
        left -= step;
    }
    return r;
}

static int on_route(const struct nlmsghdr *header, void *userdata)
{
    const struct rtmsg *message = mnl_nlmsg_get_payload(header);
    const struct nlattr *attribute;
    int r = 0;

    if (header->nlmsg_type != RTM_NEWROUTE || message->rtm_dst_len != 0 ||
            message->rtm_type != RTN_UNICAST || (message->rtm_flags & RTM_F_CLONED))
        return MNL_CB_OK;
    mnl_attr_for_each(attribute, header, sizeof(*message))
    {
        if (mnl_attr_get_type(attribute) == RTA_MULTIPATH)
            r = add_multipath(userdata, attribute, message->rtm_family);
        else
            r = add_nexthop(userdata, attribute, message->rtm_family);
        if (r < 0)
            break;
    }
    return netlink_answer(r);
}

int protect_ask_gateways(ProtectSet *set)
{
    static const int families[] = {AF_INET, AF_INET6};
    int r = 0;

    for (size_t i = 0; i < ELEMENTSOF(families) && r >= 0; i++) {
        char buffer[256] = {};
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

        request->nlmsg_type = RTM_GETROUTE;
        message->rtm_family = (unsigned char)families[i];
        r = netlink_dump(NETLINK_ROUTE, request, on_route, set);
        if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
            r = 0; /* IPv6 is switched off */
    }
    return r;
}
