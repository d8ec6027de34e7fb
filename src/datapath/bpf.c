/* SPDX-License-Identifier: MIT */
/* The kernel datapath: owns the loaded program, its maps, the ring buffer's reader. The control
 * block is shared memory with the program; everything else goes through bpf(2). */

#include "datapath/bpf-internal.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

_Static_assert((int)DIRECTION_EGRESS == (int)NTC_EGRESS && (int)ACTION_SSH == (int)NTC_SSH &&
                       (int)PROTOCOL_NONIP == (int)NTC_PROTO_NONIP,
        "the words of packet.h are those of abi.h");
_Static_assert((int)_DIRECTION_MAX == NTC_DIRECTIONS && (int)_ACTION_MAX == NTC_ACTIONS &&
                       (int)_PROTOCOL_MAX == NTC_PROTOS,
        "and as many");

_printf_(2, 0) static int libbpf_log(
        enum libbpf_print_level level, const char *format, va_list args)
{
    _cleanup_free_ char *text = NULL;
    char *rest = NULL;

    if (level == LIBBPF_DEBUG || log_get_level() < LOG_DEBUG || vasprintf(&text, format, args) < 0)
        return 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_debug("%s", line);
    return 0;
}

static int map_fd(const struct bpf_map *map)
{
    return bpf_map__fd(map);
}

static int read_counters(Datapath *datapath, Counters *ret)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    Counters sum = {};
    __u32 zero = 0;

    if (bpf_map_lookup_elem(map_fd(bpf->skeleton->maps.ntc_counters), &zero, bpf->percpu) < 0)
        return -errno;
    for (int cpu = 0; cpu < bpf->n_cpus; cpu++) {
        const struct ntc_counters *c = &bpf->percpu[cpu];
        const struct ntc_count *from = &c->by[0][0][0];
        Count *to = &sum.by[0][0][0];

        for (size_t i = 0; i < sizeof(sum.by) / sizeof(Count); i++) {
            to[i].packets += from[i].packets;
            to[i].bytes += from[i].bytes;
        }
        sum.untracked_packets += c->untracked;
        sum.unreadable_packets += c->unreadable;
        sum.transport_unreadable_packets += c->transport_unreadable;
        sum.fragments_unmatched_packets += c->fragments_unmatched;
        sum.events_shown_packets += c->events_shown;
        for (int a = 0; a < _ACTION_MAX; a++)
            sum.events_suppressed_packets[a] += c->events_suppressed[a];
        sum.events_lost_packets += c->events_lost;
    }
    *ret = sum;
    return 0;
}

static __u32 per_slice(uint32_t per_second)
{
    return (__u32)(((uint64_t)per_second << NTC_SLICE_SHIFT) / 1000000000ULL);
}

static int set_events(Datapath *datapath, bool enabled, EventBudget budget)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;

    bpf->control->budget_per_slice = per_slice(budget.packets_per_second);
    bpf->control->drop_budget_per_slice = per_slice(budget.drop_packets_per_second);
    __atomic_store_n(&bpf->control->events_enabled, enabled, __ATOMIC_RELEASE);
    return 0;
}

/* libbpf 1.1 can't ask the kernel what a map costs; this counts what the kernel allocates up front
 * and, for tries, at most. */
static uint64_t memory_bytes(Datapath *datapath)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;
    const DatapathLimits *l = &bpf->limits;
    uint64_t cpus = (uint64_t)bpf->n_cpus;

    return (uint64_t)l->flow_capacity * (48 + 24 + sizeof(struct ntc_flow)) +
           (uint64_t)l->flow_capacity * (48 + 48 + sizeof(struct ntc_flow)) +
           (uint64_t)l->fragment_capacity * (64 + 48 + sizeof(struct ntc_fragment)) +
           (uint64_t)bpf_slots(datapath) * sizeof(struct ntc_count) * (cpus + 1) +
           sizeof(struct ntc_counters) * cpus + (uint64_t)l->list_capacity * 2 * 2 * 64 +
           l->ring_bytes;
}

static int on_record(void *userdata, void *data, size_t size)
{
    BpfDatapath *bpf = userdata;
    const struct ntc_event *e = data;
    PacketEvent event;

    if (size < sizeof(*e) || !bpf->on_event)
        return 0;
    event = (PacketEvent){.time_ns = e->time_ns,
            .sport = e->sport,
            .dport = e->dport,
            .ifindex = e->ifindex,
            .length_bytes = e->bytes,
            .packets = e->packets,
            .protocol = e->protocol,
            .direction = e->direction,
            .action = e->action,
            .tcp_flags = e->tcp_flags};
    memcpy(event.src.bytes, e->src, 16);
    memcpy(event.dst.bytes, e->dst, 16);
    bpf->on_event(&event, bpf->userdata);
    return 0;
}

/* A negative return would silence the source for good. */
static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void)ring_buffer__consume(((BpfDatapath *)userdata)->ring);
    return 0;
}

static Datapath *bpf_free(Datapath *datapath)
{
    BpfDatapath *bpf = (BpfDatapath *)datapath;

    sd_event_source_disable_unref(bpf->ring_source);
    sd_event_source_disable_unref(bpf->settled);
    bpf_detach_all(bpf);
    bpf_drop_inherited(bpf);
    ring_buffer__free(bpf->ring);
    ntc_bpf__destroy(bpf->skeleton);
    bpf_flows_done(bpf);
    free(bpf->percpu);
    free(bpf->hits);
    free(bpf);
    return NULL;
}

static const DatapathOps bpf_ops = {
        .mode = "bpf",
        .free = bpf_free,
        .attach = bpf_attach,
        .detach = bpf_detach,
        .verify = bpf_verify,
        .attachments = bpf_attachments,
        .read_counters = read_counters,
        .scan_begin = bpf_scan_begin,
        .scan_next = bpf_scan_next,
        .end_flow = bpf_end_flow,
        .flows_have_room = bpf_flows_have_room,
        .apply_lists = bpf_apply_lists,
        .read_hits = bpf_read_hits,
        .recycle_slots = bpf_recycle_slots,
        .slots = bpf_slots,
        .set_ssh_ports = bpf_set_ssh_ports,
        .set_events = set_events,
        .memory_bytes = memory_bytes,
        .adopted = bpf_adopted,
        .was_attached = bpf_was_attached,
        .slots_used = bpf_slots_used,
        .event_base = bpf_event_base,
        .read_lists = bpf_read_lists,
        .handover = bpf_handover,
        .leave_attached = bpf_leave_attached,
        .handover_done = bpf_handover_done,
};

static uint32_t ring_size(uint32_t wanted)
{
    uint32_t size = 65536; /* a multiple of every page size in use (16 KiB on a Pi 5) */

    while (size < wanted && size < 1U << 30)
        size *= 2;
    return size;
}

static int load(BpfDatapath *bpf, HandoverFd *inherited, size_t n_inherited)
{
    struct ntc_bpf *s = ntc_bpf__open();
    const DatapathLimits *l = &bpf->limits;
    __u32 slots;
    int r;

    bpf->skeleton = s;
    if (!s)
        return -errno;
    /* One more than a power of two gets twice the buckets, and half of what is walked in vain. */
    bpf_map__set_max_entries(s->maps.ntc_flows4, l->flow_capacity + 1);
    bpf_map__set_max_entries(s->maps.ntc_flows6, l->flow_capacity + 1);
    bpf_map__set_max_entries(s->maps.ntc_fragments, l->fragment_capacity);
    bpf_map__set_max_entries(s->maps.ntc_black4, l->list_capacity);
    bpf_map__set_max_entries(s->maps.ntc_black6, l->list_capacity);
    bpf_map__set_max_entries(s->maps.ntc_white4, l->list_capacity);
    bpf_map__set_max_entries(s->maps.ntc_white6, l->list_capacity);
    /* Slots of both lists and a reserve, so that freed ones can rest before they are used again. */
    slots = 2 * l->list_capacity + 1025;
    bpf_map__set_max_entries(s->maps.ntc_hits, (slots + NTC_HITS_SLOTS - 1) / NTC_HITS_SLOTS);
    bpf_map__set_max_entries(s->maps.ntc_hits_base, slots);
    bpf_map__set_max_entries(s->maps.ntc_events, ring_size(l->ring_bytes));
    r = bpf_inherit(bpf, inherited, n_inherited);
    return r < 0 ? r : ntc_bpf__load(s);
}

static int start_reader(BpfDatapath *bpf, sd_event *event)
{
    bpf->ring = ring_buffer__new(map_fd(bpf->skeleton->maps.ntc_events), on_record, bpf, NULL);
    if (!bpf->ring)
        return -errno;
    return sd_event_add_io(
            event, &bpf->ring_source, ring_buffer__epoll_fd(bpf->ring), EPOLLIN, on_ring, bpf);
}

static int set_up(BpfDatapath *bpf, sd_event *event, HandoverFd *inherited, size_t n_inherited)
{
    int r;

    bpf->n_cpus = libbpf_num_possible_cpus();
    if (bpf->n_cpus < 0)
        return bpf->n_cpus;
    bpf->percpu = calloc((size_t)bpf->n_cpus, sizeof(*bpf->percpu));
    bpf->hits = calloc((size_t)bpf->n_cpus, sizeof(*bpf->hits));
    if (!bpf->percpu || !bpf->hits)
        return -ENOMEM;
    r = bpf_flows_init(bpf);
    if (r >= 0)
        r = load(bpf, inherited, n_inherited);
    if (r < 0)
        return r;
    bpf->control = (struct ntc_control *)&bpf->skeleton->data_control->ntc_control;
    if (bpf->control->generation == 0)
        bpf->control->generation = 1;
    /* Nobody watches yet; an earlier process may have left it on. */
    bpf->control->events_enabled = 0;
    bpf_flows_have_room(&bpf->base);
    bpf->control->abi_version = NTC_ABI_VERSION;
    r = bpf_lists_init(bpf, event);
    return r < 0 ? r : start_reader(bpf, event);
}

int datapath_new_bpf(sd_event *event, const DatapathLimits *limits, HandoverFd *inherited,
        size_t n_inherited, PacketEventFn on_event, void *userdata, Datapath **ret,
        const char **ret_hint)
{
    BpfDatapath *bpf = calloc(1, sizeof(*bpf));
    int r;

    if (!bpf)
        return -ENOMEM;
    libbpf_set_print(libbpf_log);
    bpf->base.ops = &bpf_ops;
    bpf->limits = *limits;
    bpf->on_event = on_event;
    bpf->userdata = userdata;
    r = set_up(bpf, event, inherited, n_inherited);
    if (r < 0) {
        if (ret_hint)
            *ret_hint = bpf_hint(r);
        bpf_free(&bpf->base);
        return r;
    }
    *ret = &bpf->base;
    return 0;
}
