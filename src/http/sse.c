/* SPDX-License-Identifier: MIT */
/* A client is in one of three states: suspended (it has everything), woken (resumed, not yet asked
 * for more), writing (its bytes are with libmicrohttpd, and perhaps stuck in its socket). Whoever
 * is overtaken by the ring while writing does not read, and is cut off by shutting its socket down,
 * which libmicrohttpd notices; in the other states it is our own doing, and the client is told of a
 * gap. */

#include "http/sse.h"

#include "http/connections.h"
#include "http/engine.h"
#include "http/event-ring.h"
#include "http/reader.h"
#include "http/request.h"
#include "http/sse-format.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define WAKE_USEC      (50 * USEC_PER_MSEC)
#define HEARTBEAT_USEC (15 * USEC_PER_SEC)
#define CHUNK_BYTES    8192U /* formatted at once for one client */
#define RESPONSE_BYTES 16384
/* What the kernel may hold for one client. Left to itself it takes megabytes, and a client that
 * does not read would be taken for a live one all that while. */
#define SOCKET_BYTES (256 * 1024)
/* One that for so long takes next to nothing of what waits for it is cut off, too. A link that was
 * down for less than three seconds is back by then: TCP tries again after 0.2, 0.6, 1.4, 3.0 s. */
#define SLOW_NS (4 * NSEC_PER_SEC)

typedef enum ClientState {
    CLIENT_WOKEN,
    CLIENT_WRITING,
    CLIENT_SUSPENDED,
} ClientState;

struct SseClient {
    EventStream *stream;
    Request *request;
    uint64_t cursor;
    TextBuffer out; /* formatted; [sent, size) is not yet with MHD */
    size_t sent;
    ClientState state;
    size_t handed_bytes; /* to MHD, perhaps not yet to the kernel */
    Reader reader;
    bool cut_off;
    SseClient *next, *prev;
};

struct EventStream {
    HttpServer *server;
    EventRing *ring;
    SseClient *clients;
    unsigned n_clients;
    uint64_t disconnected[_SSE_REASON_MAX];
    sd_event_source *wake;
    sd_event_source *heartbeat;
    bool wake_armed;
    bool stopping;
};

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

static void wake(SseClient *client)
{
    if (client->state != CLIENT_SUSPENDED)
        return;
    client->state = CLIENT_WOKEN;
    MHD_resume_connection(client->request->connection);
    engine_kick(client->request->server->engine);
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata)
{
    EventStream *stream = userdata;

    stream->wake_armed = false;
    for (SseClient *c = stream->clients; c; c = c->next)
        if (c->cursor < event_ring_head(stream->ring))
            wake(c);
    return 0;
}

/* Also finds out who has gone: a suspended connection does not notice. */
static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata)
{
    EventStream *stream = userdata;

    for (SseClient *c = stream->clients; c; c = c->next) {
        text_append(&c->out, ":\n\n");
        if (c->state == CLIENT_SUSPENDED)
            wake(c);
    }
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
    free(stream);
    return NULL;
}

static int socket_of(const SseClient *client)
{
    return client->request->from->fd;
}

static void cut_off(SseClient *client)
{
    client->cut_off = true;
    (void)shutdown(socket_of(client), SHUT_RDWR);
}

/* After a push: who doesn't read, and when to wake the others. */
static void settle(EventStream *stream)
{
    uint64_t tail = event_ring_tail(stream->ring);

    for (SseClient *c = stream->clients; c; c = c->next)
        if (c->cursor < tail && c->state == CLIENT_WRITING && !c->cut_off)
            cut_off(c);
    if (stream->wake_armed)
        return;
    stream->wake_armed = sd_event_source_set_time_relative(stream->wake, WAKE_USEC) >= 0 &&
                         sd_event_source_set_enabled(stream->wake, SD_EVENT_ONESHOT) >= 0;
}

void event_stream_push(EventStream *stream, const PacketEvent *packet)
{
    uint64_t now = clock_monotonic_ns(), wall = clock_wall_ns();
    uint64_t age = now > packet->time_ns ? now - packet->time_ns : 0;

    if (stream->n_clients == 0)
        return;
    event_ring_push(stream->ring, packet, wall > age ? wall - age : 0);
    settle(stream);
}

void event_stream_push_gap(EventStream *stream, uint64_t packets)
{
    if (stream->n_clients == 0 || packets == 0)
        return;
    event_ring_push_gap(stream->ring, packets, false);
    settle(stream);
}

void event_stream_push_alert(EventStream *stream, uint64_t number)
{
    if (stream->n_clients == 0)
        return;
    event_ring_push_alert(stream->ring, number);
    settle(stream);
}

void event_stream_sweep(EventStream *stream, uint64_t now_ns)
{
    for (SseClient *c = stream->clients; c; c = c->next)
        if (!c->cut_off && reader_is_slow(&c->reader, socket_of(c), now_ns, SLOW_NS))
            cut_off(c);
}

void event_stream_stop(EventStream *stream)
{
    stream->stopping = true;
    for (SseClient *c = stream->clients; c; c = c->next)
        wake(c);
}

/* --- one client
 * ------------------------------------------------------------------------------------- */

/* Overtaken, though not for want of reading: says so and goes on with the oldest that is held. */
static void catch_up(SseClient *client)
{
    EventRing *ring = client->stream->ring;
    const EventRecord gap = {};

    if (client->cursor >= event_ring_tail(ring))
        return;
    client->cursor = event_ring_tail(ring);
    sse_format(&client->out, &gap, &client->stream->server->context);
}

static void fill(SseClient *client)
{
    const EventStream *stream = client->stream;

    if (client->sent == client->out.size) {
        text_clear(&client->out);
        client->sent = 0;
    }
    catch_up(client);
    while (client->out.size < CHUNK_BYTES && client->cursor < event_ring_head(stream->ring))
        sse_format(&client->out, event_ring_get(stream->ring, client->cursor++),
                &stream->server->context);
}

/* libmicrohttpd wants bytes: those it had before are with the kernel. It must be suspended before 0
 * is returned, or it would ask again at once. */
static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max)
{
    SseClient *client = userdata;
    size_t n;

    client->reader.given_bytes += client->handed_bytes;
    client->handed_bytes = 0;
    if (client->stream->stopping)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (client->sent == client->out.size || client->out.size < CHUNK_BYTES)
        fill(client);
    if (client->cut_off || client->out.failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    n = MIN_OF(max, client->out.size - client->sent);
    if (n == 0) {
        client->state = CLIENT_SUSPENDED;
        MHD_suspend_connection(client->request->connection);
        return 0;
    }
    client->state = CLIENT_WRITING;
    memcpy(buffer, client->out.data + client->sent, n);
    client->sent += n;
    client->handed_bytes = n;
    return (ssize_t)n;
}

struct MHD_Response *sse_client_response(SseClient *client)
{
    return MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, RESPONSE_BYTES, on_read, client, NULL);
}

/* Sequence numbers go on where those before a restart ended: no event without a packet that the
 * kernel counted as handed out, so that count is never below the last number. */
static void place(SseClient *client, const char *last_id)
{
    EventStream *stream = client->stream;
    const EventRecord gap = {};
    uint64_t seq;

    event_ring_raise_seq(
            stream->ring, stats_counters(stream->server->context.stats)->events_shown_packets);
    client->cursor = event_ring_head(stream->ring);
    if (!last_id)
        return;
    if (parse_uint64(last_id, 0, UINT64_MAX, &seq) < 0 ||
            event_ring_find(stream->ring, seq, &client->cursor) != 0)
        sse_format(&client->out, &gap, &stream->server->context);
}

static void tell_watchers(EventStream *stream)
{
    const HttpContext *context = &stream->server->context;

    if (context->watchers_changed && !stream->server->stopping)
        context->watchers_changed(stream->n_clients, context->userdata);
}

static bool is_full(const EventStream *stream, const Peer *peer)
{
    const Config *config = stream->server->context.config;

    return stream->n_clients >= config->server.sse_clients_max ||
           peer->streams >= config->server.sse_clients_per_address_max;
}

int sse_client_new(EventStream *stream, Request *request, const char *last_id, SseClient **ret)
{
    static const int socket_bytes = SOCKET_BYTES;
    SseClient *client;

    if (stream->stopping || is_full(stream, request->from->peer))
        return -EBUSY;
    client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    client->stream = stream;
    client->request = request;
    (void)setsockopt(socket_of(client), SOL_SOCKET, SO_SNDBUF, &socket_bytes, sizeof(socket_bytes));
    text_append(&client->out, "retry: 2000\n\n");
    place(client, last_id);
    client->next = stream->clients;
    if (client->next)
        client->next->prev = client;
    stream->clients = client;
    stream->n_clients++;
    request->from->peer->streams++;
    tell_watchers(stream);
    *ret = client;
    return 0;
}

static SseReason reason_of(const SseClient *client)
{
    if (client->cut_off)
        return SSE_SLOW;
    return client->stream->stopping ? SSE_SHUTDOWN : SSE_CLIENT;
}

SseClient *sse_client_free(SseClient *client)
{
    EventStream *stream;

    if (!client)
        return NULL;
    stream = client->stream;
    client->request->from->peer->streams--;
    stream->disconnected[reason_of(client)]++;
    if (client->prev)
        client->prev->next = client->next;
    else
        stream->clients = client->next;
    if (client->next)
        client->next->prev = client->prev;
    /* From now on nobody counts what is missed. */
    if (--stream->n_clients == 0)
        event_ring_push_gap(stream->ring, 0, true);
    tell_watchers(stream);
    text_done(&client->out);
    free(client);
    return NULL;
}
