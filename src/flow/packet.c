/* SPDX-License-Identifier: MIT */
#include "flow/packet.h"

#include "base/cleanup.h"

#include <netinet/in.h>
#include <strings.h>

static const char *const list_names[_LIST_MAX] = {"blacklist", "whitelist"};
static const char *const direction_names[_DIRECTION_MAX] = {"INGRESS", "EGRESS"};
static const char *const action_names[_ACTION_MAX] = {"PASS", "DROP", "SKIP", "SSH"};
static const char *const protocol_names[_PROTOCOL_MAX] = {
        "TCP", "UDP", "ICMP", "ICMPv6", "OTHER", "NONIP"};

const char *list_name(ListId list)
{
    return list_names[list];
}

const char *direction_name(Direction direction)
{
    return direction_names[direction];
}

const char *action_name(Action action)
{
    return action_names[action];
}

const char *protocol_class_name(ProtocolClass class)
{
    return protocol_names[class];
}

ProtocolClass protocol_class_of(uint8_t ip_protocol)
{
    switch (ip_protocol) {
    case IPPROTO_TCP:
        return PROTOCOL_TCP;
    case IPPROTO_UDP:
        return PROTOCOL_UDP;
    case IPPROTO_ICMP:
        return PROTOCOL_ICMP;
    case IPPROTO_ICMPV6:
        return PROTOCOL_ICMPV6;
    default:
        return PROTOCOL_OTHER;
    }
}

static int index_of(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcasecmp(names[i], name) == 0)
            return i;
    return -EINVAL;
}

int direction_from_name(const char *name, Direction *ret)
{
    int i = index_of(direction_names, _DIRECTION_MAX, name);

    if (i < 0)
        return i;
    *ret = (Direction)i;
    return 0;
}

int action_from_name(const char *name, Action *ret)
{
    int i = index_of(action_names, _ACTION_MAX, name);

    if (i < 0)
        return i;
    *ret = (Action)i;
    return 0;
}

int protocol_class_from_name(const char *name, ProtocolClass *ret)
{
    int i = index_of(protocol_names, _PROTOCOL_MAX, name);

    if (i < 0)
        return i;
    *ret = (ProtocolClass)i;
    return 0;
}

const char *tcp_flags_format(uint8_t flags, char buffer[static TCP_FLAGS_TEXT_MAX])
{
    static const char letters[] = "FSRPAU"; /* in the order of the bits, FIN = 0x01 */
    size_t n = 0;

    for (int i = 0; letters[i]; i++)
        if (flags & 1 << i)
            buffer[n++] = letters[i];
    buffer[n] = '\0';
    return buffer;
}
