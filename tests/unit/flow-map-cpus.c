/* SPDX-License-Identifier: MIT */
/* The program, in steps: ntc_handle_ip() of bpf/ntc.bpf.c and bpf/account.bpf.h. */

#include "flow-map.h"

#include "flow/keyed-hash.h"

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

/* ntc_flow_in(): while the map is full it may not look. */
static bool passes_over(FlowMap *map, const MapCpu *cpu)
{
    uint64_t state[2] = {keyed_hash(&map->s, sizeof(map->s)), (uint64_t)(cpu - map->s.cpus)};

    return cpu->step == LOOKUP && map->s.full &&
           interleave_choose(map->orders, 2, keyed_hash(state, sizeof(state))) == 1;
}

static void step(FlowMap *map, MapCpu *cpu)
{
    unsigned flow = (unsigned)(cpu->packets[0] - 'a');

    switch (cpu->step) {
    case LOOKUP:
    case FIND:
        cpu->entry = passes_over(map, cpu) ? -1 : map->s.at[flow];
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

void flow_map_let_go_on(FlowMap *map)
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
