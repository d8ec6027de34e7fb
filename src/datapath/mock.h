/* SPDX-License-Identifier: MIT */
#pragma once

/* For tests: what can be done to a mock datapath (datapath_new_mock()) from outside. Its event loop
 * may be NULL; then nothing happens by itself. */

#include "datapath/datapath.h"

/* One packet arrives: it is judged, counted, added to its flow, and shown if events are enabled.
 * `action` is ignored; time_ns = 0 means now, packets = 0 means 1. */
void datapath_mock_inject(Datapath *datapath, const PacketEvent *packet);

/* What the timer does: the synthetic traffic of the `elapsed_ns` before `now_ns`, on the interfaces
 * attached (on none, there is none). */
void datapath_mock_advance(Datapath *datapath, uint64_t now_ns, uint64_t elapsed_ns);
