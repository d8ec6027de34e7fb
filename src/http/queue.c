/* SPDX-License-Identifier: MIT */
/* A share's virtual time is what it has used, but never less than where the one that was served
 * last began: who was away saves nothing up, who comes anew begins with the others. The least is
 * served next. */

#include "http/queue.h"

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
    uint64_t now_ns;                        /* processor time, when it was last looked at */
    uint64_t at_once_until_ns;              /* likewise */
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
    return request->token_valid || (request->from->here && !request->headers.from_proxy)
                   ? QUEUE_TRUSTED
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

static void run(Queue *queue, Request *request)
{
    QueueClass class = request->queue_class;
    uint64_t start_ns = start_of(queue, request), begun_ns = queue->now_ns;
    Peer *peer = request->from->peer;

    request_run(request);
    queue->now_ns = clock_monotonic_ns();
    charge(queue, class, peer, start_ns, queue->now_ns - begun_ns);
}

void queue_begin_turn(Queue *queue, uint64_t now_ns, uint64_t budget_ns)
{
    queue->now_ns = now_ns;
    queue->at_once_until_ns = now_ns + budget_ns;
}

/* What went by since the last request was used up by others, perhaps: nobody is charged for it. */
static bool may_run_at_once(Queue *queue)
{
    if (queue_waits(queue))
        return false;
    queue->now_ns = clock_monotonic_ns();
    return queue->now_ns < queue->at_once_until_ns;
}

void queue_add(Queue *queue, Request *request)
{
    request->queue_class = class_of(request);
    if (may_run_at_once(queue)) {
        run(queue, request);
        return;
    }
    request->queued = true;
    queue->waiting[request->queue_class]++;
    request_wait(request, on_abandon, request);
}

bool queue_run(Queue *queue, uint64_t budget_ns)
{
    bool any = queue_waits(queue);
    uint64_t end_ns;

    queue->now_ns = clock_monotonic_ns();
    end_ns = queue->now_ns + budget_ns;
    while (queue_waits(queue)) {
        Request *request = next_request(queue, next_class(queue));

        leave(request);
        run(queue, request);
        if (queue->now_ns >= end_ns)
            break;
    }
    return any;
}
