/* SPDX-License-Identifier: MIT */
#include "datapath/link-watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop-timer.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define GROUPS                                                                                     \
    (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define RECEIVE_BYTES     32768
#define SOCKET_BYTES      (1 << 20)
#define MESSAGES_AT_ONCE  256 /* then the loop serves others */
#define VERIFY_SLACK_USEC (200 * USEC_PER_MSEC)

/* Lets a thing happen at once, and again only after a rest. */
typedef struct Pacer {
    sd_event_source *timer;
    uint64_t last_usec;
    uint64_t rest_usec;
    bool due;
} Pacer;

struct LinkWatch {
    Attacher *attacher;
    const StringList *patterns;
    LinkWatchObserver observer;
    sd_event *event;
    struct mnl_socket *socket;
    sd_event_source *source;
    sd_event_source *verify;
    Pacer links;
    Pacer addresses;
    bool deaf; /* no messages any more: ask every time */
    bool failing;
    _Alignas(struct nlmsghdr) char buffer[RECEIVE_BYTES];
};

LinkWatch *link_watch_free(LinkWatch *watch)
{
    if (!watch)
        return NULL;
    sd_event_source_disable_unref(watch->verify);
    sd_event_source_disable_unref(watch->links.timer);
    sd_event_source_disable_unref(watch->addresses.timer);
    sd_event_source_disable_unref(watch->source);
    if (watch->socket)
        mnl_socket_close(watch->socket);
    attacher_free(watch->attacher);
    free(watch);
    return NULL;
}

/* --- pacing */

static uint64_t now_usec(void)
{
    return clock_monotonic_ns() / NSEC_PER_USEC;
}

static void want(Pacer *pacer)
{
    uint64_t at_usec = MAX_OF(pacer->last_usec + pacer->rest_usec, now_usec());

    if (pacer->due)
        return;
    pacer->due = sd_event_source_set_time(pacer->timer, at_usec) >= 0 &&
                 sd_event_source_set_enabled(pacer->timer, SD_EVENT_ONESHOT) >= 0;
}

static void begin(Pacer *pacer)
{
    pacer->due = false;
    pacer->last_usec = now_usec();
}

/* --- what is to be done */

int link_watch_update(LinkWatch *watch)
{
    _cleanup_(interfaces_done) Interfaces interfaces = {};
    int r;

    begin(&watch->links);
    r = interfaces_read(&interfaces);
    return r < 0 ? r : attacher_update(watch->attacher, &interfaces, watch->patterns);
}

/* What fails is tried again by the verification. */
static void update(LinkWatch *watch)
{
    int r = link_watch_update(watch);

    if (r < 0 && !watch->failing)
        log_warning("Could not look for interfaces: %s; trying again", strerror(-r));
    watch->failing = r < 0;
}

static int on_links_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    update(userdata);
    return 0;
}

static int on_addresses_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    LinkWatch *watch = userdata;

    begin(&watch->addresses);
    watch->observer.addresses_changed(watch->observer.userdata);
    return 0;
}

static int on_verify(sd_event_source *source, uint64_t usec, void *userdata)
{
    LinkWatch *watch = userdata;

    if (watch->deaf)
        want(&watch->addresses);
    if (watch->deaf || watch->failing || attacher_needs_update(watch->attacher))
        update(watch);
    (void)loop_timer_set(source, LINK_WATCH_VERIFY_SEC * USEC_PER_SEC);
    return 0;
}

/* --- messages */

/* Bridges speak of their ports in the same words (AF_BRIDGE), and wireless drivers of their radio.
 */
static bool is_of_link(const struct nlmsghdr *header)
{
    const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
    const struct nlattr *attribute;

    if (message->ifi_family != AF_UNSPEC)
        return false;
    mnl_attr_for_each(attribute, header, sizeof(*message))
    {
        if (mnl_attr_get_type(attribute) == IFLA_WIRELESS)
            return false;
    }
    return true;
}

static bool is_of_default_route(const struct nlmsghdr *header)
{
    const struct rtmsg *message = mnl_nlmsg_get_payload(header);

    return message->rtm_dst_len == 0 && !(message->rtm_flags & RTM_F_CLONED);
}

static int on_message(const struct nlmsghdr *header, void *userdata)
{
    LinkWatch *watch = userdata;

    switch (header->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        if (is_of_link(header))
            want(&watch->links);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        want(&watch->addresses);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        if (is_of_default_route(header)) {
            want(&watch->links);
            want(&watch->addresses);
        }
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static void resync(LinkWatch *watch)
{
    want(&watch->links);
    want(&watch->addresses);
}

/* One datagram. False: there are no more. */
static bool receive(LinkWatch *watch)
{
    ssize_t n = mnl_socket_recvfrom(watch->socket, watch->buffer, sizeof(watch->buffer));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) { /* some were lost, or one was too long */
        resync(watch);
        return true;
    }
    if (n < 0) {
        log_warning("Changes of interfaces are not told any more: %s; looking every %d s",
                strerror(errno), LINK_WATCH_VERIFY_SEC);
        watch->deaf = true;
        sd_event_source_set_enabled(watch->source, SD_EVENT_OFF);
        return false;
    }
    if (mnl_cb_run(watch->buffer, (size_t)n, 0, 0, on_message, watch) < 0)
        resync(watch);
    return true;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    for (int i = 0; i < MESSAGES_AT_ONCE && receive(userdata); i++)
        ;
    return 0;
}

/* --- construction */

static int open_socket(LinkWatch *watch)
{
    int bytes = SOCKET_BYTES, fd;

    watch->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!watch->socket || mnl_socket_bind(watch->socket, GROUPS, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    fd = mnl_socket_get_fd(watch->socket);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    return sd_event_add_io(watch->event, &watch->source, fd, EPOLLIN, on_readable, watch);
}

static int add_timer(
        LinkWatch *watch, Pacer *pacer, uint64_t rest_usec, sd_event_time_handler_t handler)
{
    int r = sd_event_add_time(
            watch->event, &pacer->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, handler, watch);

    pacer->rest_usec = rest_usec;
    return r < 0 ? r : sd_event_source_set_enabled(pacer->timer, SD_EVENT_OFF);
}

int link_watch_new(sd_event *event, Datapath *datapath, const StringList *patterns,
        const LinkWatchObserver *observer, LinkWatch **ret)
{
    _cleanup_(link_watch_freep) LinkWatch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->event = event;
    watch->patterns = patterns;
    watch->observer = *observer;
    r = attacher_new(datapath, &observer->attacher, &watch->attacher);
    if (r >= 0)
        r = open_socket(watch);
    if (r >= 0)
        r = add_timer(watch, &watch->links, LINK_WATCH_REST_MSEC * USEC_PER_MSEC, on_links_due);
    if (r >= 0)
        r = add_timer(watch, &watch->addresses, LINK_WATCH_ADDRESSES_MSEC * USEC_PER_MSEC,
                on_addresses_due);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &watch->verify, CLOCK_MONOTONIC,
                LINK_WATCH_VERIFY_SEC * USEC_PER_SEC, VERIFY_SLACK_USEC, on_verify, watch);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(watch);
    return 0;
}

void link_watch_set_patterns(LinkWatch *watch, const StringList *patterns)
{
    watch->patterns = patterns;
}

const Attachment *link_watch_attachments(LinkWatch *watch, size_t *ret_count)
{
    return attacher_attachments(watch->attacher, ret_count);
}
