/* SPDX-License-Identifier: MIT */
#pragma once

/* For how long an address is to be blocked: the first time for `first_sec`, twice as long each time
 * it comes back, up to `max_sec`. Who stays away for `max_sec` after his time is over begins anew.
 * Bounded; the one blocked longest ago is forgotten first. */

#include "base/address.h"
#include "base/cleanup.h"

typedef struct Repeaters Repeaters;

int repeaters_new(size_t max, Repeaters **ret); /* -EINVAL for 0, -ENOMEM */
Repeaters *repeaters_free(Repeaters *repeaters);
DEFINE_CLEANUP(Repeaters *, repeaters_free);

/* How long now; nothing is remembered yet. */
uint64_t repeaters_ttl_sec(const Repeaters *repeaters, const Address *address, uint32_t first_sec,
        uint32_t max_sec, uint64_t now_ns);
/* It was blocked for that long. Without memory it begins anew the next time. */
void repeaters_blocked(
        Repeaters *repeaters, const Address *address, uint64_t ttl_sec, uint64_t now_ns);
