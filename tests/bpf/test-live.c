/* SPDX-License-Identifier: MIT */
/* What BPF_PROG_TEST_RUN can't make: packets whose headers are outside the linear part, tags in skb
 * metadata, super-packets of the kernel's own. Sent through a veth in a namespace of the test's
 * own, with the programs attached by TCX to its egress (left) and ingress (right). */

#include "harness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define V6       .src = "2001:db8::1", .dst = "2001:db8::2"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Of Linux 6.6; the headers of Debian 12 are older. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS  ((enum bpf_attach_type)47)

enum { TCP_CHECK = 16 };

static uint32_t left, right;
static int sender;

/* Another link of each case's programs stays attached: the harness empties the maps between. */
static bool set_up(void)
{
    int one = 1;

    if (left)
        return true;
    if (!EXPECT(unshare(CLONE_NEWNET) == 0) ||
            !EXPECT(system("ip link add left type veth peer name right && "
                           "sysctl -qw net.ipv6.conf.left.disable_ipv6=1 && "
                           "sysctl -qw net.ipv6.conf.right.disable_ipv6=1 && "
                           "ip link set left up && ip link set right up && "
                           /* Until then what is sent is thrown away. */
                           "until ip -o link show left | grep -q 'state UP'; do sleep 0.01; done") ==
                    0))
        return false;
    left = if_nametoindex("left");
    right = if_nametoindex("right");
    sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return EXPECT(sender >= 0) &&
           EXPECT(setsockopt(sender, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0) &&
           EXPECT(bpf_link_create(harness_program_fd(EGRESS), (int)left, TCX_EGRESS, NULL) >= 0) &&
           EXPECT(bpf_link_create(harness_program_fd(INGRESS), (int)right, TCX_INGRESS, NULL) >= 0);
}

/* Whether it was sent. What the program on the way out drops is refused. */
static bool send_frame(const Packet *packet, const struct virtio_net_hdr *header)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)left};
    struct iovec parts[] = {
            {.iov_base = (void *)header, .iov_len = sizeof(*header)},
            {.iov_base = (void *)packet->data, .iov_len = packet->size},
    };
    struct msghdr message = {
            .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts, .msg_iovlen = 2};

    memcpy(&to.sll_protocol, packet->data + 12, 2);
    return sendmsg(sender, &message, 0) == (ssize_t)(sizeof(*header) + packet->size);
}

static uint64_t counted(enum ntc_direction direction)
{
    struct ntc_counters c = counters();
    uint64_t sum = 0;

    for (unsigned p = 0; p < NTC_PROTOS; p++)
        for (unsigned a = 0; a < NTC_ACTIONS; a++)
            sum += c.by[p][direction][a].packets;
    return sum;
}

/* Delivery is in a soft interrupt, a moment after the send. */
static void await(enum ntc_direction direction, uint64_t packets)
{
    for (int i = 0; i < 1000 && counted(direction) < packets; i++)
        usleep(1000);
}

/* Both ends saw the flow with so many packets and bytes. */
static void expect_flow(const PacketSpec *spec, uint64_t packets, uint64_t bytes)
{
    for (enum ntc_direction d = NTC_INGRESS; d < NTC_DIRECTIONS; d++) {
        struct ntc_flow_key key = packet_key(spec, d, d == NTC_INGRESS ? right : left);
        struct ntc_flow flow = {};

        await(d, packets);
        EXPECT(flow_get(&key, &flow));
        EXPECT_EQ(flow_packets(&flow), packets);
        EXPECT_EQ(flow_bytes(&flow), bytes);
    }
    EXPECT_EQ(flow_count(), 2);
}

static void test_tags_in_metadata(void)
{
    static const PacketSpec rows[] = {
            {.payload_bytes = 100},
            {.payload_bytes = 100, .vlans = {0x8100}},
            {.payload_bytes = 100, .vlans = {0x88a8, 0x8100}},
            {V6, .payload_bytes = 100, .vlans = {0x8100, 0x8100, 0x8100}},
    };
    const struct virtio_net_hdr header = {};
    Packet packet;

    if (!set_up())
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        harness_reset();
        harness_row("row %zu", i);
        packet_build(&packet, &rows[i]);
        EXPECT(send_frame(&packet, &header));
        /* On ingress the outermost tag is in the metadata: the bytes are the wire's all the same.
         */
        expect_flow(&rows[i], 1, packet.size);
    }
}

static void test_nonlinear(void)
{
    static const PacketSpec rows[] = {
            {.tcp_words = 15, .payload_bytes = 40},
            {.protocol = UDP, .ihl = 15, .payload_bytes = 40},
            {.vlans = {0x8100, 0x8100}, .payload_bytes = 40},
            {V6, .payload_bytes = 40},
            {V6, .headers = {HOPOPTS, ROUTING, FRAGMENT, AH, DSTOPTS}, .n_headers = 5,
                    .header_words = 2, .payload_bytes = 40},
    };
    Packet packet;

    if (!set_up())
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        packet_build(&packet, &rows[i]);
        for (uint16_t linear = 14; linear < packet.payload + 2; linear++) {
            struct virtio_net_hdr header = {.hdr_len = linear};

            harness_reset();
            harness_row("row %zu, %u bytes linear", i, linear);
            EXPECT(send_frame(&packet, &header));
            expect_flow(&rows[i], 1, packet.size);
            EXPECT_EQ(counters().unreadable + counters().transport_unreadable, 0);
        }
    }
}

static void test_nonlinear_is_dropped(void)
{
    PacketSpec spec = {V6, .headers = {DSTOPTS}, .n_headers = 1, .payload_bytes = 40};
    struct virtio_net_hdr header = {.hdr_len = 14};
    Packet packet;

    if (!set_up())
        return;
    list_add(BLACK, "2001:db8::/32", 1);
    packet_build(&packet, &spec);
    EXPECT(!send_frame(&packet, &header));
    await(NTC_EGRESS, 1);
    usleep(20000);
    EXPECT_EQ(counters().by[NTC_PROTO_TCP][NTC_EGRESS][NTC_DROP].packets, 1);
    EXPECT_EQ(counted(NTC_INGRESS), 0);
}

/* As a virtual machine's or a local TCP's: on egress gso_segs is not known yet, on ingress it is.
 */
static void test_super_packets(void)
{
    enum { PAYLOAD = 2050, SEGMENT = 100, SEGMENTS = 21 };
    static const PacketSpec rows[] = {
            {.payload_bytes = PAYLOAD},
            {.payload_bytes = PAYLOAD, .tcp_words = 8},
            {.payload_bytes = PAYLOAD, .vlans = {0x8100}},
            {V6, .payload_bytes = PAYLOAD},
    };
    Packet packet;

    if (!set_up())
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                .gso_type = rows[i].src ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
                .gso_size = SEGMENT,
                .csum_offset = TCP_CHECK};

        harness_reset();
        harness_row("row %zu", i);
        packet_build(&packet, &rows[i]);
        header.hdr_len = (uint16_t)packet.payload;
        header.csum_start = (uint16_t)packet.transport;
        EXPECT(send_frame(&packet, &header));
        expect_flow(&rows[i], SEGMENTS, packet.size + (SEGMENTS - 1) * packet.payload);
    }
}

int main(void)
{
    static const TestCase cases[] = {
            {"tags in metadata", test_tags_in_metadata},
            {"headers outside the linear part", test_nonlinear},
            {"and dropped all the same", test_nonlinear_is_dropped},
            {"super-packets", test_super_packets},
    };

    return harness_main("live", cases, COUNT(cases));
}
