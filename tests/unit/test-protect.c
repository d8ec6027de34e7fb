/* SPDX-License-Identifier: MIT */
#include "control/protect.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

static Protected *new_protected(void)
{
    Protected *protected = NULL;

    cr_assert_eq(protected_new(&protected), 0);
    return protected;
}

static Address address(const char *text)
{
    Address a = {};

    cr_assert_eq(address_parse(text, &a), 0, "%s", text);
    return a;
}

static ProtectReason check(const Protected *protected, const char *text, const char **ret_hit)
{
    static char buffer[ADDRESS_TEXT_MAX];
    ProtectReason reason;
    Prefix prefix;
    Address hit = {};

    cr_assert_eq(prefix_parse(text, &prefix, NULL), 0, "%s", text);
    reason = protected_check(protected, &prefix, &hit);
    if (ret_hit)
        *ret_hit = reason == PROTECT_NONE ? "" : address_format(&hit, buffer);
    return reason;
}

Test(protect, what_is_protected_everywhere)
{
    static const struct {
        const char *text;
        ProtectReason reason;
        const char *hit;
    } cases[] = {
            {"127.0.0.1", PROTECT_LOOPBACK, "127.0.0.1"},
            {"127.255.0.9", PROTECT_LOOPBACK, "127.255.0.9"},
            {"127.0.0.0/8", PROTECT_LOOPBACK, "127.0.0.0"},
            {"126.0.0.0/7", PROTECT_LOOPBACK, "127.0.0.0"},
            {"::1", PROTECT_LOOPBACK, "::1"},
            {"::ffff:127.0.0.1", PROTECT_LOOPBACK, "127.0.0.1"},
            {"224.0.0.0/3", PROTECT_MULTICAST, "224.0.0.0"},
            {"239.255.255.250", PROTECT_MULTICAST, "239.255.255.250"},
            {"ff02::1", PROTECT_MULTICAST, "ff02::1"},
            {"0.0.0.0", PROTECT_UNSPECIFIED, "0.0.0.0"},
            {"::", PROTECT_UNSPECIFIED, "::"},
            {"255.255.255.255", PROTECT_BROADCAST, "255.255.255.255"},
            {"0.0.0.0/0", PROTECT_LOOPBACK, "127.0.0.0"},
            {"::/0", PROTECT_LOOPBACK, "::1"},
            {"203.0.113.7", PROTECT_NONE, ""},
            {"2001:db8::/32", PROTECT_NONE, ""},
            {"128.0.0.0/2", PROTECT_NONE, ""},
            {"fe80::/10", PROTECT_NONE, ""},
            {"240.0.0.0/5", PROTECT_NONE, ""},
    };
    _cleanup_(protected_freep) Protected *protected = new_protected();

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        const char *hit;

        cr_assert_eq(check(protected, cases[i].text, &hit), cases[i].reason, "%s", cases[i].text);
        cr_assert_str_eq(hit, cases[i].hit, "%s", cases[i].text);
    }
}

Test(protect, what_contains_a_protected_address)
{
    _cleanup_(protected_freep) Protected *protected = new_protected();
    Address gateway = address("192.168.0.1"), own = address("192.168.0.5"),
            peer = address("2001:db8::7");
    const char *hit;

    cr_assert_eq(protected_add(protected, &gateway, PROTECT_GATEWAY), 0);
    cr_assert_eq(protected_add(protected, &own, PROTECT_OWN_ADDRESS), 0);
    cr_assert_eq(protected_add(protected, &peer, PROTECT_SSH_PEER), 0);
    cr_assert_eq(check(protected, "192.168.0.1", &hit), PROTECT_GATEWAY);
    cr_assert_eq(check(protected, "192.168.0.0/30", &hit), PROTECT_GATEWAY);
    cr_assert_str_eq(hit, "192.168.0.1");
    cr_assert_eq(check(protected, "192.168.0.0/16", &hit), PROTECT_OWN_ADDRESS);
    cr_assert_str_eq(hit, "192.168.0.5");
    cr_assert_eq(check(protected, "192.168.0.2", NULL), PROTECT_NONE);
    cr_assert_eq(check(protected, "192.168.1.0/24", NULL), PROTECT_NONE);
    cr_assert_eq(check(protected, "2001:db8::/64", &hit), PROTECT_SSH_PEER);
    cr_assert_str_eq(hit, "2001:db8::7");
    cr_assert_eq(check(protected, "::/1", &hit), PROTECT_SSH_PEER, "not the IPv4 ones");
}

Test(protect, every_reason_has_a_name)
{
    for (ProtectReason reason = 0; reason < _PROTECT_REASON_MAX; reason++)
        cr_assert(protect_reason_name(reason)[0]);
}

Test(protect, finds_this_machines_addresses)
{
    _cleanup_(protected_freep) Protected *protected = new_protected();
    struct ifaddrs *interfaces = NULL;
    size_t n = 0;

    cr_assert_eq(protected_refresh(protected, NULL, 0), 0);
    cr_assert_eq(getifaddrs(&interfaces), 0);
    for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)i->ifa_addr;

        if (!in || in->sin_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK))
            continue;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        cr_assert_eq(check(protected, text, NULL), PROTECT_OWN_ADDRESS, "%s", text);
        n++;
    }
    freeifaddrs(interfaces);
    printf("%zu addresses found\n", n);
}

static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *address =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

static bool knows(
        const Protected *protected, const char *text, ProtectReason reason, bool *ret_fresh)
{
    Address wanted = address(text);
    size_t n;
    const ProtectedAddress *items = protected_addresses(protected, &n);

    for (size_t i = 0; i < n; i++)
        if (address_equal(&items[i].address, &wanted) && items[i].reason == reason) {
            *ret_fresh = items[i].fresh;
            return true;
        }
    return false;
}

Test(protect, finds_the_peers_of_ssh_sessions)
{
    _cleanup_(protected_freep) Protected *protected = new_protected();
    struct sockaddr_in server, from = {.sin_family = AF_INET};
    _cleanup_close_ int listener = listen_on_loopback(&server);
    _cleanup_close_ int client = socket(AF_INET, SOCK_STREAM, 0);
    uint16_t port = ntohs(server.sin_port), other = port == 1 ? 2 : 1;
    bool fresh;

    cr_assert_geq(listener, 0);
    from.sin_addr.s_addr = inet_addr("127.0.0.77");
    cr_assert_eq(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
    cr_assert_eq(protected_refresh(protected, &port, 1), 0);
    cr_assert_not(knows(protected, "127.0.0.77", PROTECT_SSH_PEER, &fresh));
    cr_assert_eq(connect(client, (struct sockaddr *)&server, sizeof(server)), 0);
    cr_assert_eq(protected_refresh(protected, &port, 1), 0);
    cr_assert(knows(protected, "127.0.0.77", PROTECT_SSH_PEER, &fresh));
    cr_assert(fresh);
    cr_assert_eq(protected_refresh(protected, &port, 1), 0);
    cr_assert(knows(protected, "127.0.0.77", PROTECT_SSH_PEER, &fresh));
    cr_assert_not(fresh);
    cr_assert_eq(check(protected, "127.0.0.77", NULL), PROTECT_SSH_PEER);
    cr_assert_eq(protected_refresh(protected, &other, 1), 0);
    cr_assert_not(knows(protected, "127.0.0.77", PROTECT_SSH_PEER, &fresh));
}

Test(protect, a_refresh_keeps_what_was_added)
{
    _cleanup_(protected_freep) Protected *protected = new_protected();
    Address gateway = address("203.0.113.1");

    cr_assert_eq(protected_add(protected, &gateway, PROTECT_GATEWAY), 0);
    cr_assert_eq(protected_refresh(protected, NULL, 0), 0);
    cr_assert_eq(check(protected, "203.0.113.0/24", NULL), PROTECT_GATEWAY);
}
