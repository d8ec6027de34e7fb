/* SPDX-License-Identifier: MIT */
#include "flow-map.h"

#include "base/clock.h"
#include "flow/keyed-hash.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

enum { LOOKUP, CREATE, FIND, COUNT, UNTRACKED, ADD, STORE, SEEN };
enum { OWNER, OTHERS };

/* --- the program */

static bool adds_first(const FlowMap *map, const MapCpu *cpu)
{
    return map->fault == MAP_ADDS_BEFORE_IT_COUNTS && cpu->entry >= 0;
}

static int after_search(const FlowMap *map, const MapCpu *cpu)
{
    return adds_first(map, cpu) ? ADD : COUNT;
}

static void next_packet(MapCpu *cpu)
{
    cpu->packets++;
    cpu->step = LOOKUP;
    cpu->entry = -1;
    cpu->loaded = cpu->astride = 0;
}

/* ntc_flow_create() */
static void create(FlowMap *map, MapCpu *cpu, unsigned flow)
{
    uint32_t i = 0;

    cpu->step = FIND;
    if (!map->s.full && map->s.at[flow] >= 0)
        return; /* -EEXIST */
    while (i < map->capacity && map->s.entries[i].flow >= 0)
        i++;
    if (map->s.full || i == map->capacity) {
        map->s.full = 1;
        cpu->step = COUNT;
        return;
    }
    map->s.entries[i] = (MapEntry){.flow = (int32_t)flow,
            .owner_cpu = (uint32_t)(cpu - map->s.cpus),
            .first_seen_sec = MAP_NOW_SEC,
            .last_seen_sec = MAP_NOW_SEC};
    map->s.at[flow] = (int32_t)i;
}

/* What this changes in the sum of all flows is one packet more, if all is well. */
static void blunder(FlowMap *map, int32_t error)
{
    map->s.error += error;
    map->s.blunders += error != 0;
}

/* ntc_flow_add_size(): the owner's add is a load and a store, the others' is atomic. */
static void add(FlowMap *map, MapCpu *cpu, unsigned flow)
{
    MapEntry *entry = &map->s.entries[cpu->entry];

    if (cpu->step == ADD && entry->owner_cpu == (uint32_t)(cpu - map->s.cpus)) {
        cpu->loaded = entry->packets[OWNER];
        cpu->step = STORE;
        return;
    }
    if (cpu->step == ADD) {
        blunder(map, entry->copied[OTHERS] ? -1 : 0);
        map->s.misplaced += !entry->copied[OTHERS] && entry->flow != (int32_t)flow;
        entry->packets[OTHERS]++;
    } else {
        blunder(map, entry->copied[OWNER] ? -1 : (int32_t)(cpu->loaded - entry->packets[OWNER]));
        entry->packets[OWNER] = cpu->loaded + 1;
    }
    map->s.added[flow]++;
    cpu->astride = 0;
    cpu->step = SEEN;
}

static void step(FlowMap *map, MapCpu *cpu)
{
    unsigned flow = (unsigned)(cpu->packets[0] - 'a');

    switch (cpu->step) {
    case LOOKUP:
    case FIND:
        cpu->entry = map->s.at[flow];
        cpu->step = cpu->entry < 0 && cpu->step == LOOKUP ? CREATE : after_search(map, cpu);
        break;
    case CREATE:
        create(map, cpu, flow);
        break;
    case COUNT:
        cpu->counted++;
        cpu->step = cpu->entry < 0 ? UNTRACKED : ADD;
        map->s.homeless += cpu->entry < 0;
        if (adds_first(map, cpu))
            next_packet(cpu);
        break;
    case UNTRACKED:
        cpu->untracked++;
        next_packet(cpu);
        break;
    case SEEN:
        map->s.entries[cpu->entry].last_seen_sec = MAP_NOW_SEC;
        if (adds_first(map, cpu))
            cpu->step = COUNT;
        else
            next_packet(cpu);
        break;
    default:
        add(map, cpu, flow);
    }
}

/* Whose bucket is locked has to wait. */
static bool can_go_on(const FlowMap *map, const MapCpu *cpu)
{
    return cpu->packets[0] && !(cpu->step == CREATE && cpu->packets[0] - 'a' == map->s.locked);
}

static unsigned ready(FlowMap *map, MapCpu *ret[MAP_CPUS])
{
    unsigned n = 0;

    for (MapCpu *cpu = map->s.cpus; cpu < map->s.cpus + MAP_CPUS; cpu++)
        if (can_go_on(map, cpu))
            ret[n++] = cpu;
    return n;
}

/* The CPUs do as much as they like, from nothing to all. */
static void let_go_on(FlowMap *map)
{
    MapCpu *cpus[MAP_CPUS];
    unsigned n, chosen;

    map->s.place++;
    while (map->orders && (n = ready(map, cpus)) > 0) {
        chosen = interleave_choose(map->orders, n + 1, keyed_hash(&map->s, sizeof(map->s)));
        if (chosen == 0)
            return;
        step(map, cpus[chosen - 1]);
    }
}

void flow_map_finish(FlowMap *map)
{
    MapCpu *cpus[MAP_CPUS];
    unsigned n;

    map->s.place++;
    while ((n = ready(map, cpus)) > 0)
        step(map, cpus[interleave_choose(map->orders, n, keyed_hash(&map->s, sizeof(map->s)))]);
}

/* --- what the scanner calls */

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
        let_go_on(map);
        ret->by[PROTOCOL_UDP][DIRECTION_INGRESS][ACTION_PASS].packets += tell(map, cpu->counted);
        cpu->astride = cpu->step == ADD || cpu->step == STORE;
        let_go_on(map);
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
        let_go_on(map);
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

        let_go_on(map);
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

    let_go_on(map);
    at = map->s.at[flow];
    if (tell(map, at < 0))
        return -ENOENT;
    map->s.locked = (int32_t)flow;
    *ret = copy(map, flow, true);
    let_go_on(map);
    map->s.at[flow] = -1;
    map->s.locked = -1;
    let_go_on(map);
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
