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
