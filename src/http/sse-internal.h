/* SPDX-License-Identifier: MIT */
#pragma once

/* What sse.c (the stream) and sse-client.c (one client of it) know of each other. */

#include "http/event-ring.h"
#include "http/reader.h"
#include "http/sse.h"

#include "base/text.h"

typedef enum ClientState {
    CLIENT_WOKEN,     /* resumed, not yet asked for more */
    CLIENT_WRITING,   /* its bytes are with libmicrohttpd, and perhaps stuck in its socket */
    CLIENT_SUSPENDED, /* it has everything */
} ClientState;

struct SseClient {
    EventStream *stream;
    Request *request;
    uint64_t cursor;
    TextBuffer own; /* what only this client is told; [own_sent, size) is still to be sent */
    size_t own_sent;
    ClientState state;
    size_t handed_bytes; /* to libmicrohttpd, perhaps not yet to the kernel */
    Reader reader;
    bool cut_off;
    SseClient *next, *prev;
};

struct EventStream {
    HttpServer *server;
    EventRing *ring;
    TextBuffer text;         /* the message that is being made */
    uint64_t unwatched_head; /* where the ring stood when the last client had left */
    SseClient *clients;
    unsigned n_clients;
    uint64_t disconnected[_SSE_REASON_MAX];
    sd_event_source *wake;
    sd_event_source *heartbeat;
    bool wake_armed;
    bool stopping;
};

/* The number of clients changed; the last one may have left. */
void event_stream_audience_changed(EventStream *stream);

void sse_client_wake(SseClient *client);
void sse_client_heartbeat(SseClient *client);
bool sse_client_is_overtaken(const SseClient *client);
/* Cuts it off if it does not take what waits for it. */
void sse_client_check(SseClient *client, uint64_t now_ns);
void sse_client_cut_off(SseClient *client);
