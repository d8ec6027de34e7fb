/* SPDX-License-Identifier: MIT */
/* What the scanner calls, as bpf(2) does it. */

#include "flow-map.h"

#include "base/clock.h"
#include "flow/keyed-hash.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

static uint64_t tell(FlowMap *map, uint64_t what)
{
    uint64_t both[2] = {map->s.told, what};

    map->s.told = keyed_hash(both, sizeof(both));
    return what;
}

/* Each CPU's are copied in their order in memory. */
static int read_counters(Datapath *datapath, Counters *ret)
{
    FlowMap *map = (FlowMap *)datapath;

    *ret = (Counters){};
    for (MapCpu *cpu = map->s.cpus; cpu < map->s.cpus + MAP_CPUS; cpu++) {
        flow_map_let_go_on(map);
        ret->by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets += tell(map, cpu->counted);
        cpu->astride = cpu->step == ADD || cpu->step == STORE;
        flow_map_let_go_on(map);
        ret->untracked_packets += tell(map, cpu->untracked);
    }
    return 0;
}

static void note_missed(FlowMap *map, int32_t entry, int part)
{
    for (MapCpu *cpu = map->s.cpus; cpu < map->s.cpus + MAP_CPUS; cpu++)
        if (cpu->astride && cpu->entry == entry &&
                (map->s.entries[entry].owner_cpu == (uint32_t)(cpu - map->s.cpus)) ==
                        (part == OWNER))
            map->s.missed++;
}

/* Under the bucket's lock. */
static FlowSample copy(FlowMap *map, unsigned flow, bool to_delete)
{
    int32_t at = map->s.at[flow];
    MapEntry *entry = &map->s.entries[at];
    FlowSample sample = {.key = {.sport = (uint16_t)flow, .protocol = IPPROTO_UDP},
            .first_seen_ns = entry->first_seen_sec * NSEC_PER_SEC};

    for (int part = OWNER; part <= OTHERS; part++) {
        flow_map_let_go_on(map);
        sample.packets += tell(map, entry->packets[part]);
        entry->copied[part] = to_delete;
        if (!to_delete)
            note_missed(map, at, part);
    }
    sample.last_seen_ns = tell(map, entry->last_seen_sec) * NSEC_PER_SEC;
    return sample;
}

static int scan_begin(Datapath *datapath)
{
    ((FlowMap *)datapath)->s.cursor = 0;
    return 0;
}

/* A bucket a portion. */
static int scan_next(Datapath *datapath, FlowSample *samples, size_t max)
{
    FlowMap *map = (FlowMap *)datapath;

    cr_assert_geq(max, 1);
    while (map->s.cursor < MAP_FLOWS) {
        unsigned flow = map->s.cursor++;

        flow_map_let_go_on(map);
        if (tell(map, map->s.at[flow] < 0))
            continue;
        map->s.locked = (int32_t)flow;
        samples[0] = copy(map, flow, false);
        map->s.locked = -1;
        map->seen[flow] = (uint32_t)samples[0].packets;
        return 1;
    }
    return 0;
}

/* Read and taken out under the lock, then given back to be used again. */
static int end_flow(Datapath *datapath, const FlowKey *key, FlowSample *ret)
{
    FlowMap *map = (FlowMap *)datapath;
    unsigned flow = key->sport;
    int32_t at;

    flow_map_let_go_on(map);
    at = map->s.at[flow];
    if (tell(map, at < 0))
        return -ENOENT;
    map->s.locked = (int32_t)flow;
    *ret = copy(map, flow, true);
    flow_map_let_go_on(map);
    map->s.at[flow] = -1;
    map->s.locked = -1;
    flow_map_let_go_on(map);
    map->s.entries[at].flow = -1;
    if (map->fault == MAP_ENDS_WITHOUT_READING)
        ret->packets = map->seen[flow];
    return 0;
}

static void flows_have_room(Datapath *datapath)
{
    ((FlowMap *)datapath)->s.full = 0;
}

static const DatapathOps map_ops = {
        .read_counters = read_counters,
        .scan_begin = scan_begin,
        .scan_next = scan_next,
        .end_flow = end_flow,
        .flows_have_room = flows_have_room,
};

void flow_map_init(FlowMap *map, uint32_t capacity)
{
    memset(map, 0, sizeof(*map));
    map->base.ops = &map_ops;
    map->capacity = capacity;
    map->s.locked = -1;
    for (unsigned i = 0; i < MAP_FLOWS; i++)
        map->s.entries[i].flow = map->s.at[i] = -1;
    for (unsigned i = 0; i < MAP_CPUS; i++) {
        map->s.cpus[i].packets = "";
        map->s.cpus[i].entry = -1;
    }
}

void flow_map_hold(FlowMap *map, unsigned flow, uint32_t packets, uint32_t last_seen_sec)
{
    map->s.entries[flow] = (MapEntry){.flow = (int32_t)flow,
            .packets = {packets},
            .first_seen_sec = 1,
            .last_seen_sec = last_seen_sec};
    map->s.at[flow] = (int32_t)flow;
    map->s.cpus[0].counted += packets;
    map->s.added[flow] += packets;
}
