/* SPDX-License-Identifier: MIT */
/* The kernel's flows: two maps, one for IPv4 with its short keys and one for everything else. What
 * leaves here has the long form of keys only. */

#include "datapath/bpf-internal.h"
#include "flow-key.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#define SCAN_BATCH 2048U

_Static_assert(offsetof(FlowKey, direction) == offsetof(struct ntc_flow_key, direction) &&
                       sizeof(FlowKey) < sizeof(struct ntc_flow_key),
        "keys are copied as they are, but for zeroes at the end");

int bpf_flows_init(BpfDatapath *bpf)
{
    bpf->scan.keys = calloc(SCAN_BATCH, sizeof(*bpf->scan.keys));
    bpf->scan.values = calloc(SCAN_BATCH, sizeof(*bpf->scan.values));
    return bpf->scan.keys && bpf->scan.values ? 0 : -ENOMEM;
}

void bpf_flows_done(BpfDatapath *bpf)
{
    free(bpf->scan.keys);
    free(bpf->scan.values);
}

static void sample_from(
        const struct ntc_flow_key *key, const struct ntc_flow *flow, FlowSample *ret)
{
    memcpy(&ret->key, key, sizeof(ret->key));
    ret->packets = flow->owner_packets + flow->other_packets;
    ret->bytes = flow->owner_bytes + flow->other_bytes;
    ret->syn_packets = flow->syn_packets;
    ret->ack_packets = 0;
    if (key->protocol == IPPROTO_TCP && ret->packets > flow->noack_packets)
        ret->ack_packets = ret->packets - flow->noack_packets;
    ret->first_seen_ns = flow->first_seen_ns;
    ret->last_seen_ns = flow->last_seen_ns;
    ret->tcp_flags = flow->tcp_flags;
    ret->action = flow->action;
}

static int map_of(const BpfDatapath *bpf, bool ipv6)
{
    struct ntc_bpf *s = bpf->skeleton;

    return bpf_map__fd(ipv6 ? s->maps.ntc_flows6 : s->maps.ntc_flows4);
}

static bool is_full(const BpfDatapath *bpf)
{
    return __atomic_load_n(&bpf->control->flows4_full, __ATOMIC_RELAXED) ||
           __atomic_load_n(&bpf->control->flows6_full, __ATOMIC_RELAXED);
}

/* With a full map, and only then, the program asks whether a flow is known (struct ntc_known).
 * Flows that were added meanwhile have their bits in both sets. */
static void learn_begin(BpfDatapath *bpf)
{
    struct ntc_known *known = bpf->skeleton->data_known->ntc_known;
    bool full = is_full(bpf);

    bpf->scan.learning = full ? &known[!bpf->control->known] : NULL;
    if (full)
        memset(bpf->scan.learning, 0, sizeof(*bpf->scan.learning));
}

static void learn(BpfDatapath *bpf, const void *key, size_t key_size)
{
    struct ntc_flow_bits bits = ntc_flow_bits(key, (__u32)key_size);

    __atomic_fetch_or(&bpf->scan.learning->words[bits.word], bits.mask, __ATOMIC_RELAXED);
}

static void learn_end(BpfDatapath *bpf)
{
    if (bpf->scan.learning)
        __atomic_store_n(&bpf->control->known, !bpf->control->known, __ATOMIC_RELEASE);
    bpf->scan.learning = NULL;
}

int bpf_scan_begin(Datapath *datapath)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    FlowScan *scan = &bpf->scan;

    scan->started = scan->ipv6 = scan->over = false;
    learn_begin(bpf);
    return 0;
}

/* Batch lookup walks the hash by buckets, so that an entry that stays is met exactly once. -ENOSPC
 * means a bucket holds more than the batch has room for. */
static int read_batch(BpfDatapath *bpf, __u32 *count)
{
    FlowScan *scan = &bpf->scan;
    int r = bpf_map_lookup_batch(map_of(bpf, scan->ipv6), scan->started ? &scan->cursor : NULL,
            &scan->cursor, scan->keys, scan->values, count, NULL);

    if (r < 0 && errno != ENOENT)
        return -errno;
    scan->started = r == 0;
    if (r < 0) { /* this map's last */
        scan->over = scan->ipv6;
        scan->ipv6 = true;
    }
    return 0;
}

static void take_sample(BpfDatapath *bpf, bool ipv6, __u32 i, FlowSample *ret)
{
    const struct ntc_flow4_key *key4 = (const struct ntc_flow4_key *)bpf->scan.keys + i;
    const struct ntc_flow_key *key6 = &bpf->scan.keys[i];
    struct ntc_flow_key key;

    if (bpf->scan.learning)
        learn(bpf, ipv6 ? (const void *)key6 : key4, ipv6 ? sizeof(*key6) : sizeof(*key4));
    if (ipv6)
        key = *key6;
    else
        ntc_flow_key_from4(&key, key4);
    sample_from(&key, &bpf->scan.values[i], ret);
}

int bpf_scan_next(Datapath *datapath, FlowSample *samples, size_t max)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    __u32 count = 0;

    while (count == 0 && !bpf->scan.over) {
        bool ipv6 = bpf->scan.ipv6;
        int r;

        count = (__u32)MIN_OF(max, (size_t)SCAN_BATCH);
        r = read_batch(bpf, &count);
        if (r < 0)
            return r;
        for (__u32 i = 0; i < count; i++)
            take_sample(bpf, ipv6, i, &samples[i]);
    }
    if (bpf->scan.over)
        learn_end(bpf);
    return (int)count;
}

int bpf_end_flow(Datapath *datapath, const FlowKey *flow_key, FlowSample *ret)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    struct ntc_flow4_key key4;
    struct ntc_flow_key key = {};
    struct ntc_flow flow;
    bool ipv6;

    memcpy(&key, flow_key, sizeof(*flow_key));
    ipv6 = !ntc_is_flow4(&key);
    ntc_flow4_key_from(&key4, &key);
    if (bpf_map_lookup_and_delete_elem(
                map_of(bpf, ipv6), ipv6 ? (void *)&key : (void *)&key4, &flow) < 0)
        return -errno;
    sample_from(&key, &flow, ret);
    return 0;
}

void bpf_flows_have_room(Datapath *datapath)
{
    struct ntc_control *control = ((BpfDatapath *)datapath)->control;

    __atomic_store_n(&control->flows4_full, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&control->flows6_full, 0, __ATOMIC_RELAXED);
}
