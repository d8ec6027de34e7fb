/* SPDX-License-Identifier: MIT */
/* What stands in the program's maps. */

#include "flow-key.h"
#include "harness-internal.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 1024

static uint64_t ended_packets;

static void empty_map(struct bpf_map *map)
{
    uint8_t key[64];

    while (bpf_map_get_next_key(bpf_map__fd(map), NULL, key) == 0)
        if (bpf_map_delete_elem(bpf_map__fd(map), key) < 0)
            harness_die("delete from a map");
}

static void zero_percpu(struct bpf_map *map, uint32_t n, size_t value_size)
{
    int cpus = libbpf_num_possible_cpus();
    void *zeroes = calloc((size_t)cpus, (value_size + 7) & ~(size_t)7);

    for (uint32_t i = 0; i < n; i++)
        if (!zeroes || bpf_map_update_elem(bpf_map__fd(map), &i, zeroes, BPF_ANY) < 0)
            harness_die("zero a map");
    free(zeroes);
}

void harness_reset(void)
{
    struct ntc_control *control = harness_control();

    empty_map(harness_skeleton->maps.ntc_flows4);
    empty_map(harness_skeleton->maps.ntc_flows6);
    empty_map(harness_skeleton->maps.ntc_fragments);
    empty_map(harness_skeleton->maps.ntc_black4);
    empty_map(harness_skeleton->maps.ntc_black6);
    empty_map(harness_skeleton->maps.ntc_white4);
    empty_map(harness_skeleton->maps.ntc_white6);
    zero_percpu(harness_skeleton->maps.ntc_counters, 1, sizeof(struct ntc_counters));
    zero_percpu(harness_skeleton->maps.ntc_hits, HARNESS_LISTS / NTC_HITS_SLOTS,
            sizeof(struct ntc_hits));
    events_take(NULL);
    ended_packets = 0;
    memset(control, 0, sizeof(*control));
    control->generation = 1;
    control->abi_version = NTC_ABI_VERSION;
    control->ssh_ports[0] = 1ULL << 22;
}

static void list_edit(List list, const char *prefix, uint32_t slot, bool remove)
{
    struct ntc_prefix6 key6 = {};
    struct ntc_prefix4 key4 = {};
    char address[64];
    unsigned bits = 0;
    bool given = sscanf(prefix, "%63[^/]/%u", address, &bits) == 2;
    bool ipv4 = packet_address(address, key6.address);
    const void *key = ipv4 ? (const void *)&key4 : &key6;
    struct bpf_map *map;
    int r;

    memcpy(key4.address, key6.address + 12, 4);
    key4.bits = given ? bits : 32;
    key6.bits = given ? bits : 128;
    if (ipv4)
        map = list == BLACK ? harness_skeleton->maps.ntc_black4 : harness_skeleton->maps.ntc_white4;
    else
        map = list == BLACK ? harness_skeleton->maps.ntc_black6 : harness_skeleton->maps.ntc_white6;
    r = remove ? bpf_map_delete_elem(bpf_map__fd(map), key)
               : bpf_map_update_elem(bpf_map__fd(map), key, &slot, BPF_ANY);
    if (r < 0)
        harness_die(prefix);
}

void list_add(List list, const char *prefix, uint32_t slot)
{
    list_edit(list, prefix, slot, false);
}

void list_remove(List list, const char *prefix)
{
    list_edit(list, prefix, 0, true);
}

void list_changed(void)
{
    __atomic_add_fetch(&harness_control()->generation, 1, __ATOMIC_RELEASE);
}

static void read_percpu(struct bpf_map *map, uint32_t index, void *values)
{
    if (bpf_map_lookup_elem(bpf_map__fd(map), &index, values) < 0)
        harness_die("read a map");
}

/* All members are u64, so that sums go word by word. */
static void sum_words(uint64_t *to, const void *values, size_t words)
{
    const uint64_t *from = values;

    for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
        for (size_t i = 0; i < words; i++)
            to[i] += *from++;
}

static struct ntc_counters percpu[CPUS_MAX];

struct ntc_counters counters(void)
{
    struct ntc_counters sum = {};

    read_percpu(harness_skeleton->maps.ntc_counters, 0, percpu);
    sum_words((uint64_t *)&sum, percpu, sizeof(sum) / 8);
    return sum;
}

struct ntc_counters counters_of_cpu(int cpu)
{
    read_percpu(harness_skeleton->maps.ntc_counters, 0, percpu);
    return percpu[cpu];
}

struct ntc_count hits(uint32_t slot)
{
    static struct ntc_hits values[CPUS_MAX];
    struct ntc_hits sum = {};

    read_percpu(harness_skeleton->maps.ntc_hits, slot / NTC_HITS_SLOTS, values);
    sum_words((uint64_t *)&sum, values, sizeof(sum) / 8);
    return sum.slots[slot % NTC_HITS_SLOTS];
}

static uint64_t sum_of_class(const struct ntc_counters *c, unsigned class)
{
    uint64_t sum = 0;

    for (unsigned d = 0; d < NTC_DIRECTIONS; d++)
        for (unsigned a = 0; a < NTC_ACTIONS; a++)
            sum += c->by[class][d][a].packets;
    return sum;
}

uint64_t counted_packets(void)
{
    struct ntc_counters c = counters();
    uint64_t sum = 0;

    for (unsigned p = 0; p < NTC_PROTOS; p++)
        sum += sum_of_class(&c, p);
    return sum;
}

/* Where a flow is, if there is one. */
typedef struct FlowPlace {
    struct ntc_flow_key key;
    struct ntc_flow4_key key4;
    bool ipv4;
} FlowPlace;

static FlowPlace place_of(const struct ntc_flow_key *key)
{
    FlowPlace place = {.key = *key, .ipv4 = ntc_is_flow4(key)};

    ntc_flow4_key_from(&place.key4, key);
    return place;
}

static int fd_of_flows(bool ipv4)
{
    return bpf_map__fd(
            ipv4 ? harness_skeleton->maps.ntc_flows4 : harness_skeleton->maps.ntc_flows6);
}

static const void *key_there(const FlowPlace *place)
{
    return place->ipv4 ? (const void *)&place->key4 : &place->key;
}

bool flow_get(const struct ntc_flow_key *key, struct ntc_flow *ret)
{
    FlowPlace place = place_of(key);

    return bpf_map_lookup_elem(fd_of_flows(place.ipv4), key_there(&place), ret) == 0;
}

static size_t walk_map(int fd, uint64_t *ret_packets)
{
    struct ntc_flow_key key; /* or the short form */
    struct ntc_flow flow;
    void *from = NULL;
    size_t n = 0;

    while (bpf_map_get_next_key(fd, from, &key) == 0) {
        if (bpf_map_lookup_elem(fd, &key, &flow) == 0)
            *ret_packets += flow_packets(&flow);
        from = &key;
        n++;
    }
    return n;
}

static size_t walk_flows(uint64_t *ret_packets)
{
    return walk_map(fd_of_flows(true), ret_packets) + walk_map(fd_of_flows(false), ret_packets);
}

uint64_t counted_nonip(void)
{
    struct ntc_counters c = counters();

    return sum_of_class(&c, NTC_PROTO_NONIP);
}

bool flow_end(const struct ntc_flow_key *key)
{
    FlowPlace place = place_of(key);
    struct ntc_flow flow;

    if (!flow_get(key, &flow) ||
            bpf_map_delete_elem(fd_of_flows(place.ipv4), key_there(&place)) < 0)
        return false;
    ended_packets += flow_packets(&flow);
    return true;
}

uint64_t harness_flow_packets(void)
{
    uint64_t packets = ended_packets;

    walk_flows(&packets);
    return packets;
}

size_t flow_count(void)
{
    uint64_t packets = 0;

    return walk_flows(&packets);
}
