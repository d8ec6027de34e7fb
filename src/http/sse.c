/* SPDX-License-Identifier: MIT */
/* A message is made once, when it is pushed, and lies in the ring as text. New ones wake who has
 * read everything before, at most twenty times a second, so that each gets many at a time. */

#include "http/sse-internal.h"

#include "http/sse-format.h"

#include "base/clock.h"

#define WAKE_USEC      (50 * USEC_PER_MSEC)
#define HEARTBEAT_USEC (15 * USEC_PER_SEC)

const char *sse_reason_name(SseReason reason)
{
    static const char *const names[_SSE_REASON_MAX] = {"client", "slow", "shutdown"};

    return names[reason];
}

unsigned event_stream_clients(const EventStream *stream)
{
    return stream->n_clients;
}

uint64_t event_stream_disconnected(const EventStream *stream, SseReason reason)
{
    return stream->disconnected[reason];
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata)
{
    EventStream *stream = userdata;
    uint64_t head = event_ring_head(stream->ring);

    stream->wake_armed = false;
    for (SseClient *c = stream->clients; c; c = c->next)
        if (sse_client_is_overtaken(c))
            sse_client_cut_off(c);
        else if (c->cursor < head)
            sse_client_wake(c);
    return 0;
}

/* Also finds out who has gone: a suspended connection does not notice. */
static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata)
{
    EventStream *stream = userdata;

    for (SseClient *c = stream->clients; c; c = c->next)
        sse_client_heartbeat(c);
    sd_event_source_set_time_relative(source, HEARTBEAT_USEC);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

int event_stream_new(HttpServer *server, EventStream **ret)
{
    _cleanup_(event_stream_freep) EventStream *stream = calloc(1, sizeof(*stream));
    int r;

    if (!stream)
        return -ENOMEM;
    stream->server = server;
    r = event_ring_new(server->context.config->events.buffer, &stream->ring);
    if (r >= 0)
        r = sd_event_add_time_relative(
                server->event, &stream->wake, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_wake, stream);
    if (r >= 0)
        r = sd_event_source_set_enabled(stream->wake, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(server->event, &stream->heartbeat, CLOCK_MONOTONIC,
                HEARTBEAT_USEC, USEC_PER_SEC, on_heartbeat, stream);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(stream);
    return 0;
}

EventStream *event_stream_free(EventStream *stream)
{
    if (!stream)
        return NULL;
    sd_event_source_disable_unref(stream->heartbeat);
    sd_event_source_disable_unref(stream->wake);
    event_ring_free(stream->ring);
    text_done(&stream->text);
    free(stream);
    return NULL;
}

static void arm_wake(EventStream *stream)
{
    if (stream->wake_armed)
        return;
    stream->wake_armed = sd_event_source_set_time_relative(stream->wake, WAKE_USEC) >= 0 &&
                         sd_event_source_set_enabled(stream->wake, SD_EVENT_ONESHOT) >= 0;
}

/* Without memory for the text its place is taken by words that need none. */
static void push(EventStream *stream, bool is_event)
{
    static const char gap[] = "event: gap\ndata: {\"packets\":null}\n\n";
    TextBuffer *text = &stream->text;

    if (text->failed)
        event_ring_push(stream->ring, false, gap, sizeof(gap) - 1);
    else
        event_ring_push(stream->ring, is_event, text->data, text->size);
    text_clear(text);
    arm_wake(stream);
}

void event_stream_push(EventStream *stream, const PacketEvent *packet)
{
    uint64_t now = clock_monotonic_ns(), wall = clock_wall_ns();
    uint64_t age = now > packet->time_ns ? now - packet->time_ns : 0;

    if (stream->n_clients == 0)
        return;
    sse_format_packet(&stream->text, event_ring_next_seq(stream->ring), packet,
            wall > age ? wall - age : 0, stream->server->context.stats);
    push(stream, true);
}

void event_stream_push_gap(EventStream *stream, uint64_t packets)
{
    if (stream->n_clients == 0 || packets == 0)
        return;
    sse_format_gap(&stream->text, packets);
    push(stream, false);
}

void event_stream_push_alert(EventStream *stream, uint64_t number)
{
    const Alert *alert = alert_log_get(stream->server->context.alerts, number);

    if (stream->n_clients == 0 || !alert)
        return;
    sse_format_alert(&stream->text, alert);
    push(stream, false);
}

/* Once nobody watches, nobody counts what is missed. Who comes back is told so once, however often
 * the last one left. */
static void note_silence(EventStream *stream)
{
    if (event_ring_head(stream->ring) == stream->unwatched_head)
        return;
    sse_format_gap(&stream->text, 0);
    push(stream, false);
    stream->unwatched_head = event_ring_head(stream->ring);
}

void event_stream_audience_changed(EventStream *stream)
{
    const HttpContext *context = &stream->server->context;

    if (stream->n_clients == 0)
        note_silence(stream);
    if (context->watchers_changed && !stream->server->stopping)
        context->watchers_changed(stream->n_clients, context->userdata);
}

void event_stream_sweep(EventStream *stream, uint64_t now_ns)
{
    for (SseClient *c = stream->clients; c; c = c->next)
        sse_client_check(c, now_ns);
}

void event_stream_stop(EventStream *stream)
{
    stream->stopping = true;
    for (SseClient *c = stream->clients; c; c = c->next)
        sse_client_wake(c);
}
