/* SPDX-License-Identifier: MIT */
/* A share's virtual time is what it has used, but never less than where the one that was served
 * last began: who was away saves nothing up, who comes anew begins with the others. The least is
 * served next. */

#include "http/queue.h"

#include "http/caller.h"
#include "http/connections.h"
#include "http/routes.h"

#include "base/clock.h"

/* Others' time counts so much more than that of those here or with the token. */
#define OTHERS_WEIGHT 4

typedef enum QueueClass {
    QUEUE_TRUSTED,
    QUEUE_OTHERS,
    _QUEUE_CLASS_MAX,
} QueueClass;

struct Queue {
    HttpServer *server;
    size_t waiting[_QUEUE_CLASS_MAX];
    uint64_t used_ns[_QUEUE_CLASS_MAX];
    uint64_t class_now_ns;                  /* virtual, of the classes */
    uint64_t peer_now_ns[_QUEUE_CLASS_MAX]; /* virtual, of the peers in each */
};

int queue_new(HttpServer *server, Queue **ret)
{
    Queue *queue = calloc(1, sizeof(*queue));

    if (!queue)
        return -ENOMEM;
    queue->server = server;
    *ret = queue;
    return 0;
}

Queue *queue_free(Queue *queue)
{
    free(queue);
    return NULL;
}

static QueueClass class_of(const Request *request)
{
    const Caller *caller = &request->from->caller;
    bool here = caller->transport == TRANSPORT_UNIX || caller_is_loopback(caller);

    return request->token_valid || (here && !caller_came_through_proxy(request)) ? QUEUE_TRUSTED
                                                                                 : QUEUE_OTHERS;
}

static void leave(Request *request)
{
    request->queued = false;
    request->server->queue->waiting[request->queue_class]--;
}

static void on_abandon(void *userdata)
{
    leave(userdata);
}

void queue_add(Queue *queue, Request *request)
{
    request->queued = true;
    request->queue_class = class_of(request);
    queue->waiting[request->queue_class]++;
    request_wait(request, on_abandon, request);
}

size_t queue_length(const Queue *queue)
{
    return queue->waiting[QUEUE_TRUSTED] + queue->waiting[QUEUE_OTHERS];
}

bool queue_waits(const Queue *queue)
{
    return queue_length(queue) > 0;
}

static QueueClass next_class(const Queue *queue)
{
    if (queue->waiting[QUEUE_OTHERS] == 0)
        return QUEUE_TRUSTED;
    if (queue->waiting[QUEUE_TRUSTED] == 0)
        return QUEUE_OTHERS;
    return MAX_OF(queue->used_ns[QUEUE_TRUSTED], queue->class_now_ns) <=
                           MAX_OF(queue->used_ns[QUEUE_OTHERS], queue->class_now_ns)
                   ? QUEUE_TRUSTED
                   : QUEUE_OTHERS;
}

static uint64_t start_of(const Queue *queue, const Request *request)
{
    return MAX_OF(request->from->peer->turns_ns, queue->peer_now_ns[request->queue_class]);
}

/* The waiting list has the youngest first. */
static Request *next_request(const Queue *queue, QueueClass class)
{
    Request *chosen = NULL;

    for (Request *r = queue->server->waiting; r; r = r->next)
        if (r->queued && r->queue_class == class &&
                (!chosen || start_of(queue, r) <= start_of(queue, chosen)))
            chosen = r;
    return chosen;
}

/* The peer outlives the request: its connection is still there. */
static void charge(Queue *queue, QueueClass class, Peer *peer, uint64_t start_ns, uint64_t used_ns)
{
    uint64_t weight = class == QUEUE_OTHERS ? OTHERS_WEIGHT : 1;

    queue->class_now_ns = MAX_OF(queue->used_ns[class], queue->class_now_ns);
    queue->used_ns[class] = queue->class_now_ns + used_ns * weight;
    queue->peer_now_ns[class] = start_ns;
    peer->turns_ns = start_ns + used_ns;
}

bool queue_run(Queue *queue, uint64_t budget_ns)
{
    uint64_t now_ns = clock_thread_ns(), end_ns = now_ns + budget_ns, begin_ns;
    bool any = queue_waits(queue);

    while (queue_waits(queue)) {
        QueueClass class = next_class(queue);
        Request *request = next_request(queue, class);
        uint64_t start_ns = start_of(queue, request);
        Peer *peer = request->from->peer;

        leave(request);
        request_run(request);
        begin_ns = now_ns;
        now_ns = clock_thread_ns();
        charge(queue, class, peer, start_ns, now_ns - begin_ns);
        if (now_ns >= end_ns)
            break;
    }
    return any;
}
