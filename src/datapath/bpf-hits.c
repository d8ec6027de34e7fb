/* SPDX-License-Identifier: MIT */
/* What each entry of a list decided, by its slot: what was counted under the slot less what stood
 * there when the entry was given it. */

#include "datapath/bpf-internal.h"

#include <bpf/bpf.h>

/* Since the map was made. */
static int hits_so_far(BpfDatapath *bpf, uint32_t slot, struct ntc_hits *percpu, Count *ret)
{
    __u32 element = slot / NTC_HITS_SLOTS;

    *ret = (Count){};
    if (bpf_map_lookup_elem(bpf_map__fd(bpf->skeleton->maps.ntc_hits), &element, percpu) < 0)
        return -errno;
    for (int i = 0; i < bpf->n_cpus; i++) {
        ret->packets += percpu[i].slots[slot % NTC_HITS_SLOTS].packets;
        ret->bytes += percpu[i].slots[slot % NTC_HITS_SLOTS].bytes;
    }
    return 0;
}

int bpf_read_hits(Datapath *datapath, uint32_t slot, Count *ret)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    struct ntc_count base;
    Count now;
    int r = hits_so_far(bpf, slot, bpf->hits, &now);

    if (r < 0)
        return r;
    if (bpf_map_lookup_elem(bpf_map__fd(bpf->skeleton->maps.ntc_hits_base), &slot, &base) < 0)
        return -errno;
    *ret = (Count){now.packets - base.packets, now.bytes - base.bytes};
    return 0;
}

static int set_base(BpfDatapath *bpf, uint32_t slot)
{
    struct ntc_count base;
    Count now;
    int r = hits_so_far(bpf, slot, bpf->hits, &now);

    if (r < 0)
        return r;
    base = (struct ntc_count){now.packets, now.bytes};
    r = bpf_map_update_elem(bpf_map__fd(bpf->skeleton->maps.ntc_hits_base), &slot, &base, BPF_ANY);
    return r < 0 ? -errno : 0;
}

int bpf_recycle_slots(Datapath *datapath, const uint32_t *slots, size_t n)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    int r = 0;

    bpf_wait_for_programs();
    for (size_t i = 0; i < n && r >= 0; i++)
        r = set_base(bpf, slots[i]);
    return r;
}

uint32_t bpf_slots(Datapath *datapath)
{
    return bpf_map__max_entries(((BpfDatapath *)datapath)->skeleton->maps.ntc_hits_base);
}
