/* SPDX-License-Identifier: MIT */
/* The synthetic datapath as the rest of the daemon sees it: its operations, its interfaces, and the
 * timer that lets traffic arrive. */

#include "datapath/mock-internal.h"

#include "base/clock.h"
#include "base/loop-timer.h"

#define TICK_USEC (50 * USEC_PER_MSEC)

void datapath_mock_inject(Datapath *datapath, const PacketEvent *packet)
{
    PacketEvent copy = *packet;

    if (copy.time_ns == 0)
        copy.time_ns = clock_monotonic_ns();
    if (copy.packets == 0)
        copy.packets = 1;
    mock_packet((Mock *)datapath, &copy);
}

/* --- interfaces */

static Attachment *find_attachment(Mock *mock, uint32_t ifindex)
{
    for (size_t i = 0; i < mock->n_attachments; i++)
        if (mock->attachments[i].ifindex == ifindex)
            return &mock->attachments[i];
    return NULL;
}

static int mock_attach(Datapath *datapath, uint32_t ifindex, const char *name)
{
    Mock *mock = (Mock *)datapath;
    Attachment *a;

    if (find_attachment(mock, ifindex))
        return -EALREADY;
    if (mock->n_attachments == MOCK_ATTACHMENTS_MAX)
        return -ENOSPC;
    a = &mock->attachments[mock->n_attachments++];
    *a = (Attachment){.ifindex = ifindex, .attached = {true, true}, .hook = "mock"};
    snprintf(a->interface, sizeof(a->interface), "%s", name);
    return 0;
}

static int mock_detach(Datapath *datapath, uint32_t ifindex)
{
    Mock *mock = (Mock *)datapath;
    Attachment *a = find_attachment(mock, ifindex);

    if (!a)
        return -ENOENT;
    *a = mock->attachments[--mock->n_attachments];
    return 0;
}

static int mock_verify(Datapath *datapath, uint32_t ifindex)
{
    return find_attachment((Mock *)datapath, ifindex) ? 0 : -ENOENT;
}

static const Attachment *mock_attachments(Datapath *datapath, size_t *ret_count)
{
    Mock *mock = (Mock *)datapath;

    *ret_count = mock->n_attachments;
    return mock->attachments;
}

/* --- the rest */

static int mock_read_counters(Datapath *datapath, Counters *ret)
{
    *ret = ((Mock *)datapath)->counters;
    return 0;
}

static int mock_read_hits(Datapath *datapath, uint32_t slot, Count *ret)
{
    Mock *mock = (Mock *)datapath;

    if (slot >= mock_slots(datapath))
        return -ENOENT;
    *ret = mock->hits[slot];
    return 0;
}

static int mock_recycle_slots(Datapath *datapath, const uint32_t *slots, size_t n)
{
    Mock *mock = (Mock *)datapath;

    for (size_t i = 0; i < n; i++)
        if (slots[i] >= mock_slots(datapath))
            return -ENOENT;
    for (size_t i = 0; i < n; i++)
        mock->hits[slots[i]] = (Count){};
    return 0;
}

static int mock_set_ssh_ports(Datapath *datapath, const uint16_t *ports, size_t n)
{
    Mock *mock = (Mock *)datapath;

    memset(mock->ssh_ports, 0, sizeof(mock->ssh_ports));
    for (size_t i = 0; i < n; i++)
        mock->ssh_ports[ports[i] / 8] |= (uint8_t)(1 << ports[i] % 8);
    return 0;
}

static uint64_t mock_memory_bytes(Datapath *datapath)
{
    return 0;
}

static Datapath *mock_free(Datapath *datapath)
{
    Mock *mock = (Mock *)datapath;

    sd_event_source_disable_unref(mock->timer);
    mock_flows_clear(mock);
    for (int i = 0; i < _LIST_MAX; i++)
        mock_list_clear(&mock->lists[i]);
    free(mock->hits);
    free(mock);
    return NULL;
}

static const DatapathOps mock_ops = {
        .mode = "mock",
        .free = mock_free,
        .attach = mock_attach,
        .detach = mock_detach,
        .verify = mock_verify,
        .attachments = mock_attachments,
        .read_counters = mock_read_counters,
        .scan_begin = mock_scan_begin,
        .scan_next = mock_scan_next,
        .end_flow = mock_end_flow,
        .flows_have_room = mock_flows_have_room,
        .apply_lists = mock_apply_lists,
        .read_hits = mock_read_hits,
        .recycle_slots = mock_recycle_slots,
        .slots = mock_slots,
        .set_ssh_ports = mock_set_ssh_ports,
        .set_events = mock_set_events,
        .memory_bytes = mock_memory_bytes,
};

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    Mock *mock = userdata;
    uint64_t now_ns = clock_monotonic_ns();

    datapath_mock_advance(&mock->base, now_ns, now_ns - mock->timer_ns);
    mock->timer_ns = now_ns;
    (void)loop_timer_set(source, TICK_USEC);
    return 0;
}

static int set_up(Mock *mock, sd_event *event)
{
    static const uint16_t ssh_port = 22;

    mock->hits = calloc(mock_slots(&mock->base), sizeof(*mock->hits));
    if (!mock->hits)
        return -ENOMEM;
    mock_set_ssh_ports(&mock->base, &ssh_port, 1);
    mock->timer_ns = clock_monotonic_ns();
    if (!event || mock->traffic.rate == 0)
        return 0;
    return sd_event_add_time_relative(
            event, &mock->timer, CLOCK_MONOTONIC, TICK_USEC, 0, on_tick, mock);
}

int datapath_new_mock(sd_event *event, const DatapathLimits *limits, const MockOptions *options,
        PacketEventFn on_event, void *userdata, Datapath **ret)
{
    Mock *mock = calloc(1, sizeof(*mock));
    int r;

    if (!mock)
        return -ENOMEM;
    mock->base.ops = &mock_ops;
    mock->limits = *limits;
    mock->on_event = on_event;
    mock->userdata = userdata;
    mock_traffic_init(&mock->traffic, options);
    r = set_up(mock, event);
    if (r < 0) {
        mock_free(&mock->base);
        return r;
    }
    *ret = &mock->base;
    return 0;
}
