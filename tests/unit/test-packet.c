/* SPDX-License-Identifier: MIT */
#include "flow/counters.h"
#include "flow/packet.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(packet, words_round_trip)
{
    for (int i = 0; i < _ACTION_MAX; i++) {
        Action back;

        cr_assert_eq(action_from_name(action_name((Action)i), &back), 0);
        cr_assert_eq((int)back, i);
    }
}

Test(packet, unknown_word_leaves_output_alone)
{
    Direction direction = DIRECTION_EGRESS;

    cr_assert_eq(direction_from_name("SIDEWAYS", &direction), -EINVAL);
    cr_assert_eq(direction, DIRECTION_EGRESS);
}

Test(packet, tcp_flags_text)
{
    char text[TCP_FLAGS_TEXT_MAX];

    cr_assert_str_eq(tcp_flags_format(TCP_FLAG_SYN | TCP_FLAG_ACK, text), "SA");
    cr_assert_str_eq(tcp_flags_format(0, text), "");
}

Test(counters, tracked_is_what_flows_must_explain)
{
    Counters c = {.untracked_packets = 2, .unreadable_packets = 3};

    c.by[PROTOCOL_TCP][DIRECTION_INGRESS][ACTION_PASS] = (Count){10, 100};
    c.by[PROTOCOL_NONIP][DIRECTION_EGRESS][ACTION_PASS] = (Count){4, 40};
    c.by[PROTOCOL_OTHER][DIRECTION_INGRESS][ACTION_DROP] = (Count){3, 30};
    cr_assert_eq(counters_total(&c).packets, 17);
    cr_assert_eq(counters_total(&c).bytes, 170);
    cr_assert_eq(counters_of_action(&c, ACTION_DROP).packets, 3);
    cr_assert_eq(counters_tracked_packets(&c), 8);
}

Test(packet, names_are_the_contract)
{
    static const char *const protocols[] = {"TCP", "UDP", "ICMP", "ICMPv6", "OTHER", "NONIP"};
    ProtocolClass class;

    for (int i = 0; i < _PROTOCOL_MAX; i++) {
        cr_assert_str_eq(protocol_class_name((ProtocolClass)i), protocols[i]);
        cr_assert_eq(protocol_class_from_name(protocols[i], &class), 0);
        cr_assert_eq((int)class, i);
    }
    cr_assert_eq(protocol_class_from_name("icmpV6", &class), 0);
    cr_assert_eq(class, PROTOCOL_ICMPV6);
    cr_assert_str_eq(direction_name(DIRECTION_EGRESS), "EGRESS");
    cr_assert_str_eq(list_name(LIST_WHITELIST), "whitelist");
}

Test(packet, protocol_numbers)
{
    cr_assert_eq(protocol_class_of(6), PROTOCOL_TCP);
    cr_assert_eq(protocol_class_of(17), PROTOCOL_UDP);
    cr_assert_eq(protocol_class_of(1), PROTOCOL_ICMP);
    cr_assert_eq(protocol_class_of(58), PROTOCOL_ICMPV6);
    cr_assert_eq(protocol_class_of(132), PROTOCOL_OTHER);
}

Test(packet, all_flags_fit)
{
    char text[TCP_FLAGS_TEXT_MAX];

    cr_assert_str_eq(tcp_flags_format(0x3f, text), "FSRPAU");
    cr_assert_str_eq(tcp_flags_format(0xff, text), "FSRPAU", "ECE and CWR have no letter");
}

Test(counters, sums_by_protocol)
{
    Counters c = {};

    c.by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS] = (Count){1, 10};
    c.by[PROTOCOL_UDP][DIRECTION_EGRESS][ACTION_SSH] = (Count){2, 20};
    c.by[PROTOCOL_TCP][DIRECTION_EGRESS][ACTION_SSH] = (Count){4, 40};
    cr_assert_eq(counters_of_protocol(&c, PROTOCOL_UDP).packets, 3);
    cr_assert_eq(counters_of_protocol(&c, PROTOCOL_UDP).bytes, 30);
    cr_assert_eq(counters_of_action(&c, ACTION_SSH).bytes, 60);
}
