/* SPDX-License-Identifier: MIT */
#pragma once

/* GET /events: packets as server-sent events (WHATWG HTML, 9.2), to a bounded number of clients.
 *
 * A client that has caught up is suspended; new events wake it, at most twenty times a second. One
 * that does not read is cut off when the ring has overtaken it or after some seconds, and counted.
 */

#include "http/server-state.h"

#include <microhttpd.h>

typedef struct EventStream EventStream;
typedef struct SseClient SseClient;

typedef enum SseReason {
    SSE_CLIENT,   /* it went away */
    SSE_SLOW,     /* it did not read */
    SSE_SHUTDOWN, /* we went away */
    _SSE_REASON_MAX,
} SseReason;
const char *sse_reason_name(SseReason reason);

int event_stream_new(HttpServer *server, EventStream **ret);
EventStream *event_stream_free(EventStream *stream); /* after all its clients */
DEFINE_CLEANUP(EventStream *, event_stream_free);

void event_stream_push(EventStream *stream, const PacketEvent *packet);
void event_stream_push_gap(EventStream *stream, uint64_t packets);
void event_stream_push_alert(EventStream *stream, uint64_t number);
/* Cuts off who takes next to nothing for four seconds. Once a second. */
void event_stream_sweep(EventStream *stream, uint64_t now_ns);
/* Shutdown: nobody is suspended any more. */
void event_stream_stop(EventStream *stream);

unsigned event_stream_clients(const EventStream *stream);
uint64_t event_stream_disconnected(const EventStream *stream, SseReason reason);

/* `last_id`: the Last-Event-ID header, NULL if there is none. -EBUSY: there are as many as allowed,
 * in all or of this peer. */
int sse_client_new(EventStream *stream, Request *request, const char *last_id, SseClient **ret);
/* When the request is over. */
SseClient *sse_client_free(SseClient *client);
struct MHD_Response *sse_client_response(SseClient *client);
