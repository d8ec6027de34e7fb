/* SPDX-License-Identifier: MIT */
/* Whoever is overtaken by the ring while his socket is full does not read, and is cut off by
 * shutting it down, which libmicrohttpd notices. Otherwise it is our own doing (HTTP rests when it
 * has used its share of the time), and the client is told of a gap. What libmicrohttpd has to send
 * is a copy: the ring may run over the original any number of times. What is for one client alone
 * goes out before what he shares with the others, and always between two messages. */

#include "http/sse-internal.h"

#include "http/connections.h"
#include "http/engine.h"
#include "http/request.h"
#include "http/sse-format.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define RESPONSE_BYTES 16384
/* What the kernel may hold for one client. Left to itself it takes megabytes, and a client that
 * does not read would be taken for a live one all that while. */
#define SOCKET_BYTES (256 * 1024)
/* One that for so long takes next to nothing of what waits for it is cut off, too. A link that was
 * down for less than three seconds is back by then: TCP tries again after 0.2, 0.6, 1.4, 3.0 s. */
#define SLOW_NS (4 * NSEC_PER_SEC)

static int socket_of(const SseClient *client)
{
    return client->request->from->fd;
}

void sse_client_wake(SseClient *client)
{
    if (client->state != CLIENT_SUSPENDED)
        return;
    client->state = CLIENT_WOKEN;
    MHD_resume_connection(client->request->connection);
    engine_kick(client->request->server->engine);
}

void sse_client_heartbeat(SseClient *client)
{
    text_append(&client->own, ":\n\n");
    sse_client_wake(client);
}

void sse_client_cut_off(SseClient *client)
{
    if (client->cut_off)
        return;
    client->cut_off = true;
    (void)shutdown(socket_of(client), SHUT_RDWR);
}

static bool is_full(const SseClient *client)
{
    struct pollfd socket = {.fd = socket_of(client), .events = POLLOUT};

    return poll(&socket, 1, 0) == 0;
}

bool sse_client_is_overtaken(const SseClient *client)
{
    return client->state == CLIENT_WRITING &&
           client->cursor < event_ring_tail(client->stream->ring) && is_full(client);
}

void sse_client_check(SseClient *client, uint64_t now_ns)
{
    if (reader_is_slow(&client->reader, socket_of(client), now_ns, SLOW_NS))
        sse_client_cut_off(client);
}

/* --- bytes
 * ------------------------------------------------------------------------------------------ */

/* Overtaken, though not for want of reading: says so and goes on with the oldest that is held. */
static void catch_up(SseClient *client)
{
    uint64_t tail = event_ring_tail(client->stream->ring);

    if (client->cursor >= tail)
        return;
    client->cursor = tail;
    sse_format_gap(&client->own, 0);
}

static size_t take_own(SseClient *client, char *buffer, size_t max)
{
    size_t n = MIN_OF(max, client->own.size - client->own_sent);

    if (n > 0)
        memcpy(buffer, client->own.data + client->own_sent, n);
    client->own_sent += n;
    if (client->own_sent == client->own.size && !client->own.failed) {
        text_clear(&client->own);
        client->own_sent = 0;
    }
    return n;
}

/* A message that is longer than all of `max` goes in pieces. */
static size_t take_piece(SseClient *client, char *buffer, size_t max)
{
    const EventRing *ring = client->stream->ring;
    _cleanup_free_ char *message = NULL;
    size_t size;

    if (client->cursor == event_ring_head(ring))
        return 0;
    size = event_ring_size(ring, client->cursor);
    message = malloc(size);
    if (!message) {
        client->own.failed = true;
        return 0;
    }
    (void)event_ring_copy(ring, &client->cursor, message, size);
    text_append_bytes(&client->own, message, size);
    return take_own(client, buffer, max);
}

static size_t take(SseClient *client, char *buffer, size_t max)
{
    size_t n;

    catch_up(client);
    n = take_own(client, buffer, max);
    if (client->own_sent == client->own.size)
        n += event_ring_copy(client->stream->ring, &client->cursor, buffer + n, max - n);
    return n > 0 ? n : take_piece(client, buffer, max);
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
    if (client->cut_off)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    n = take(client, buffer, max);
    if (client->own.failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0) {
        client->state = CLIENT_SUSPENDED;
        MHD_suspend_connection(client->request->connection);
        return 0;
    }
    client->state = CLIENT_WRITING;
    client->handed_bytes = n;
    return (ssize_t)n;
}

struct MHD_Response *sse_client_response(SseClient *client)
{
    return MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, RESPONSE_BYTES, on_read, client, NULL);
}

/* --- coming and going
 * ------------------------------------------------------------------------------- */

/* Sequence numbers go on where those before a restart ended: no event without a packet that the
 * kernel counted as handed out, so that count and the base are never below the last number. Where
 * the counters begin anew so does the base, which is random: numbers of another life mean nothing
 * in this one. */
static void place(SseClient *client, const char *last_id)
{
    EventStream *stream = client->stream;
    const HttpContext *context = &stream->server->context;
    uint64_t seq;

    event_ring_raise_seq(stream->ring,
            context->event_base + stats_counters(context->stats)->events_shown_packets);
    client->cursor = event_ring_head(stream->ring);
    if (!last_id)
        return;
    if (parse_uint64(last_id, 0, UINT64_MAX, &seq) < 0 ||
            event_ring_find(stream->ring, seq, &client->cursor) != 0)
        sse_format_gap(&client->own, 0);
}

static bool has_room(const EventStream *stream, const Peer *peer)
{
    const Config *config = stream->server->context.config;

    return stream->n_clients < config->server.sse_clients_max &&
           peer->streams < config->server.sse_clients_per_address_max;
}

int sse_client_new(EventStream *stream, Request *request, const char *last_id, SseClient **ret)
{
    static const int socket_bytes = SOCKET_BYTES;
    SseClient *client;

    if (stream->stopping || !has_room(stream, request->from->peer))
        return -EBUSY;
    client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    client->stream = stream;
    client->request = request;
    (void)setsockopt(socket_of(client), SOL_SOCKET, SO_SNDBUF, &socket_bytes, sizeof(socket_bytes));
    text_append(&client->own, "retry: 2000\n\n");
    place(client, last_id);
    client->next = stream->clients;
    if (client->next)
        client->next->prev = client;
    stream->clients = client;
    stream->n_clients++;
    request->from->peer->streams++;
    event_stream_audience_changed(stream);
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
    stream->n_clients--;
    event_stream_audience_changed(stream);
    text_done(&client->own);
    free(client);
    return NULL;
}
