/* SPDX-License-Identifier: MIT */
#include "flow/flow-expiry.h"

#include <netinet/in.h>

/* A flood is made of flows that never got anywhere: they are the first to go. */
static int worth_of(const Flow *flow)
{
    const FlowSample *s = &flow->sample;

    if (s->key.protocol == IPPROTO_TCP && s->syn_packets == s->packets && s->ack_packets == 0)
        return 0;
    return s->packets <= 1 ? 1 : 2;
}

static int compare(const void *a, const void *b)
{
    const Victim *x = a, *y = b;

    if (x->worth != y->worth)
        return x->worth - y->worth;
    return x->last_seen_ns < y->last_seen_ns ? -1 : x->last_seen_ns > y->last_seen_ns;
}

int victims_init(Victims *victims, size_t wanted)
{
    Victim *heap = calloc(MAX_OF(wanted, (size_t)1), sizeof(*heap));

    if (!heap)
        return -ENOMEM;
    *victims = (Victims){.heap = heap, .wanted = wanted};
    return 0;
}

static void swap(Victim *a, Victim *b)
{
    Victim v = *a;

    *a = *b;
    *b = v;
}

static void sift_up(Victims *victims, size_t i)
{
    Victim *h = victims->heap;

    for (; i > 0 && compare(&h[i], &h[(i - 1) / 2]) > 0; i = (i - 1) / 2)
        swap(&h[i], &h[(i - 1) / 2]);
}

static void sift_down(Victims *victims, size_t i)
{
    Victim *h = victims->heap;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= victims->count)
            return;
        if (child + 1 < victims->count && compare(&h[child + 1], &h[child]) > 0)
            child++;
        if (compare(&h[child], &h[i]) <= 0)
            return;
        swap(&h[i], &h[child]);
        i = child;
    }
}

void victims_offer(Victims *victims, const Flow *flow)
{
    Victim v = {flow, flow->sample.last_seen_ns, worth_of(flow)};

    if (victims->count < victims->wanted) {
        victims->heap[victims->count] = v;
        sift_up(victims, victims->count++);
    } else if (victims->wanted > 0 && compare(&v, &victims->heap[0]) < 0) {
        victims->heap[0] = v;
        sift_down(victims, 0);
    }
}

void victims_sort(Victims *victims)
{
    qsort(victims->heap, victims->count, sizeof(*victims->heap), compare);
}

void victims_done(Victims *victims)
{
    free(victims->heap);
    *victims = (Victims){};
}

/* The datapath's clock is coarse: a packet may bear a time a little after `now`. */
FlowEnd flow_over(const Flow *flow, const FlowTimeouts *timeouts, uint64_t now_ns)
{
    const FlowSample *s = &flow->sample;
    uint64_t quiet_ns = now_ns > s->last_seen_ns ? now_ns - s->last_seen_ns : 0;
    bool tcp = s->key.protocol == IPPROTO_TCP;

    if (tcp && (s->tcp_flags & (TCP_FLAG_FIN | TCP_FLAG_RST)) &&
            quiet_ns >= timeouts->closed_linger_ns)
        return FLOW_END_CLOSED;
    if (quiet_ns >= (tcp ? timeouts->tcp_idle_ns : timeouts->other_idle_ns))
        return FLOW_END_IDLE;
    return FLOW_END_NONE;
}
