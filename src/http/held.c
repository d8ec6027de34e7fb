/* SPDX-License-Identifier: MIT */
#include "http/held.h"

#include "http/access.h"

static bool is_trusted(const Request *request)
{
    return request->token_valid ||
           (!request->headers.from_proxy &&
                   access_is_member(request->server->access, &request->from->caller));
}

/* A single answer is sent whatever its size. */
static bool has_room(size_t held, size_t size, size_t max)
{
    return held == 0 || (held < max && size <= max - held);
}

void held_take(Request *request)
{
    HttpServer *server = request->server;
    Peer *peer = request->from->peer;
    size_t size = request->reply.body.size;

    if (size <= HELD_SMALL_MAX || is_trusted(request))
        return;
    if (!has_room(peer->held, size, HELD_PEER_MAX) || !has_room(server->held, size, HELD_MAX)) {
        server->held_refused++;
        reply_error(&request->reply, 503, "busy",
                "too much that was asked for is still waiting to be read; ask for less at a time "
                "(limit), or again when the earlier answers have been read");
        request->reply.retry_after_sec = 5;
        return;
    }
    request->held = size;
    peer->held += size;
    server->held += size;
}

void held_release(Request *request)
{
    request->from->peer->held -= request->held;
    request->server->held -= request->held;
    request->held = 0;
}
