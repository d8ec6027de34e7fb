/* SPDX-License-Identifier: MIT */
#include "http/connections.h"

#include "http/access.h"
#include "http/caller.h"

#include "base/clock.h"

#include <string.h>

/* An answer may be longer than a request. */
#define SENDING_FACTOR 4
/* Descriptors for everything but connections, but never more than half of all. */
#define DESCRIPTORS_OTHER 256

struct Connections {
    HttpServer *server;
    Connection *list; /* the youngest first */
    size_t count;
    size_t n_cut; /* of them */
    uint64_t refused[_CONNECTION_REFUSAL_MAX];
    uint64_t cut[_CONNECTION_CUT_MAX];
};

const char *connection_refusal_name(ConnectionRefusal refusal)
{
    static const char *const names[_CONNECTION_REFUSAL_MAX] = {
            [CONNECTION_REFUSED_FULL] = "full",
            [CONNECTION_REFUSED_ADDRESS] = "address",
            [CONNECTION_REFUSED_MEMORY] = "memory",
    };

    return names[refusal];
}

const char *connection_cut_name(ConnectionCut cut)
{
    static const char *const names[_CONNECTION_CUT_MAX] = {"room", "time"};

    return names[cut];
}

int connections_new(HttpServer *server, Connections **ret)
{
    Connections *all = calloc(1, sizeof(*all));

    if (!all)
        return -ENOMEM;
    all->server = server;
    *ret = all;
    return 0;
}

Connections *connections_free(Connections *all)
{
    if (!all)
        return NULL;
    while (all->list)
        connection_free(all->list);
    free(all);
    return NULL;
}

/* --- limits */

size_t connections_descriptors(const Config *config)
{
    return (size_t)config->server.connections_max + config->server.connections_reserve +
           DESCRIPTORS_OTHER;
}

ConnectionLimits connections_limits(const Connections *all)
{
    const Config *config = all->server->context.config;
    size_t descriptors = all->server->descriptors;
    size_t room = descriptors - MIN_OF((size_t)DESCRIPTORS_OTHER, descriptors / 2);
    size_t reserve = MIN_OF((size_t)config->server.connections_reserve, room / 4);

    return (ConnectionLimits){
            MIN_OF((size_t)config->server.connections_max, room - reserve), reserve};
}

static bool is_awaited(const Connection *connection)
{
    return connection->phase == CONNECTION_RECEIVING && !connection->cut;
}

static void cut(Connection *connection, ConnectionCut why)
{
    connection->peer->awaited -= is_awaited(connection);
    connection->cut = true;
    connection->all->n_cut++;
    connection->all->cut[why]++;
    (void)shutdown(connection->fd, SHUT_RDWR);
}

/* Of two that we wait for: the one of the peer with more of them, or else the elder. */
static bool goes_first(const Connection *a, const Connection *b)
{
    if (a->peer->awaited != b->peer->awaited)
        return a->peer->awaited > b->peer->awaited;
    return a->since_ns < b->since_ns;
}

/* `of`: only his; NULL: anybody's. */
static bool make_room(Connections *all, const Peer *of)
{
    Connection *chosen = NULL;

    for (Connection *c = all->list; c; c = c->next)
        if (is_awaited(c) && (!of || c->peer == of) && (!chosen || goes_first(c, chosen)))
            chosen = c;
    if (!chosen)
        return false;
    cut(chosen, CONNECTION_CUT_ROOM);
    return true;
}

void connections_relieve(Connections *all)
{
    (void)make_room(all, NULL);
}

/* Those that are cut off already are not counted: they are gone before the loop turns again. */
static size_t open_of(const Connections *all, const Peer *peer)
{
    size_t n = 0;

    for (const Connection *c = all->list; c; c = c->next)
        n += c->peer == peer && !c->cut;
    return n;
}

static ConnectionRefusal find_room(Connections *all, const Connection *newcomer)
{
    const Config *config = all->server->context.config;
    ConnectionLimits limits = connections_limits(all);
    size_t open = all->count - all->n_cut;

    if (newcomer->peer->connections >= config->server.connections_per_address_max &&
            open_of(all, newcomer->peer) >= config->server.connections_per_address_max &&
            !make_room(all, newcomer->peer))
        return CONNECTION_REFUSED_ADDRESS;
    if (open < limits.max || make_room(all, NULL))
        return CONNECTION_NOT_REFUSED;
    if (open < limits.max + limits.reserve &&
            access_is_member(all->server->access, &newcomer->caller))
        return CONNECTION_NOT_REFUSED;
    return CONNECTION_REFUSED_FULL;
}

static uint64_t limit_ns(const Connection *connection)
{
    uint64_t timeout_ns =
            connection->all->server->context.config->server.request_timeout_sec * NSEC_PER_SEC;

    switch (connection->phase) {
    case CONNECTION_RECEIVING:
        return timeout_ns;
    case CONNECTION_SENDING:
        return timeout_ns * SENDING_FACTOR;
    default:
        return UINT64_MAX;
    }
}

void connections_sweep(Connections *all, uint64_t now_ns)
{
    for (Connection *c = all->list; c; c = c->next)
        if (!c->cut && now_ns > c->since_ns && now_ns - c->since_ns > limit_ns(c))
            cut(c, CONNECTION_CUT_TIME);
}

/* --- coming and going */

static Connection *make(Connections *all, int fd, const struct sockaddr *address, uint64_t now_ns,
        ConnectionRefusal *ret_why)
{
    Connection *connection = calloc(1, sizeof(*connection));
    PeerKey key;

    *ret_why = CONNECTION_REFUSED_MEMORY;
    if (!connection)
        return NULL;
    *connection = (Connection){.all = all, .fd = fd, .since_ns = now_ns};
    connection->caller = caller_of(fd, address);
    connection->here = connection->caller.transport == TRANSPORT_UNIX ||
                       caller_is_loopback(&connection->caller);
    access_recognise(all->server->access, fd, &connection->caller);
    key = peer_key_of(&connection->caller);
    connection->peer = peers_get(all->server->peers, &key, now_ns);
    *ret_why = connection->peer ? find_room(all, connection) : CONNECTION_REFUSED_FULL;
    return connection;
}

ConnectionRefusal connections_add(
        Connections *all, int fd, const struct sockaddr *address, uint64_t now_ns, Connection **ret)
{
    ConnectionRefusal why;
    _cleanup_free_ Connection *connection = make(all, fd, address, now_ns, &why);

    if (why != CONNECTION_NOT_REFUSED) {
        all->refused[why]++;
        return why;
    }
    connection->next = all->list;
    if (connection->next)
        connection->next->prev = connection;
    all->list = connection;
    all->count++;
    connection->peer->connections++;
    connection->peer->awaited++;
    *ret = TAKE_PTR(connection);
    return CONNECTION_NOT_REFUSED;
}

Connection *connection_free(Connection *connection)
{
    Connections *all;

    if (!connection)
        return NULL;
    all = connection->all;
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        all->list = connection->next;
    if (connection->next)
        connection->next->prev = connection->prev;
    all->count--;
    all->n_cut -= connection->cut;
    connection->peer->connections--;
    connection->peer->awaited -= is_awaited(connection);
    free(connection);
    return NULL;
}

Connection *connections_find(const Connections *all, int fd)
{
    for (Connection *c = all->list; c; c = c->next)
        if (c->fd == fd)
            return c;
    return NULL;
}

void connection_enter(Connection *connection, ConnectionPhase phase)
{
    connection->peer->awaited -= is_awaited(connection);
    connection->phase = phase;
    connection->peer->awaited += is_awaited(connection);
    connection->since_ns = clock_monotonic_ns();
}

size_t connections_count(const Connections *all)
{
    return all->count;
}

uint64_t connections_refused(const Connections *all, ConnectionRefusal why)
{
    return all->refused[why];
}

uint64_t connections_cut(const Connections *all, ConnectionCut why)
{
    return all->cut[why];
}
