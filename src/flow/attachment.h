/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the datapath sits: one interface, and which of its directions are being watched. */

#include "flow/packet.h"

#include <stdbool.h>

#define INTERFACE_NAME_MAX 16 /* IFNAMSIZ, terminator included */

typedef struct Attachment {
    uint32_t ifindex;
    char interface[INTERFACE_NAME_MAX];
    bool attached[_DIRECTION_MAX];
    bool raw_ip;      /* no link header: tun, ppp, wireguard */
    const char *hook; /* static: "tcx", "clsact", "mock" */
} Attachment;
