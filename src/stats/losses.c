/* SPDX-License-Identifier: MIT */
#include "stats/losses.h"

#include <string.h>

size_t losses_collect(
        const Stats *stats, const LossesElsewhere *elsewhere, Loss losses[static LOSSES_MAX])
{
    const Counters *c = stats_counters(stats);
    const Loss all[] = {{"events_suppressed", counters_suppressed_events(c)},
            {"events_lost", c->events_lost_packets},
            {"flows_untracked_packets", c->untracked_packets},
            {"addresses_untracked_packets", stats_untracked_address_packets(stats)},
            {"accounting_drift_packets", stats_drift_packets(stats)},
            {"unreadable_packets", c->unreadable_packets},
            {"journal_entries", elsewhere->journal_entries},
            {"storage_failures", elsewhere->storage_failures}};

    _Static_assert(ELEMENTSOF(all) <= LOSSES_MAX, "they must fit");
    memcpy(losses, all, sizeof(all));
    return ELEMENTSOF(all);
}
