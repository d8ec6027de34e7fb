/* SPDX-License-Identifier: MIT */
#pragma once

/* Every connection from accept(2) to close(2): whose it is, what it is doing and since when. The
 * limits of server.connections_* and server.request_timeout_sec are kept here.
 *
 * Who fills a limit does not shut the others out: room is made by the connection that has kept us
 * waiting for a request the longest, of the peer that has the most such connections. Only where
 * nobody is waited for is the newcomer refused. Beyond connections_max there is a reserve for those
 * on this machine who may change things. */

#include "http/peers.h"

#include <microhttpd.h>
#include <sys/socket.h>

typedef struct HttpServer HttpServer;

typedef enum ConnectionPhase {
    CONNECTION_RECEIVING, /* a request, or the silence before it */
    CONNECTION_WORKING,   /* it is complete: our turn */
    CONNECTION_SENDING,   /* an answer */
    CONNECTION_STREAMING, /* an answer without end: sse.c looks after it */
    _CONNECTION_PHASE_MAX,
} ConnectionPhase;

typedef enum ConnectionRefusal {
    CONNECTION_NOT_REFUSED,
    CONNECTION_REFUSED_FULL,    /* connections_max, and nobody to make room */
    CONNECTION_REFUSED_ADDRESS, /* connections_per_address_max, likewise */
    CONNECTION_REFUSED_MEMORY,
    _CONNECTION_REFUSAL_MAX,
} ConnectionRefusal;

typedef enum ConnectionCut {
    CONNECTION_CUT_ROOM, /* for somebody else */
    CONNECTION_CUT_TIME, /* took too long */
    _CONNECTION_CUT_MAX,
} ConnectionCut;

/* As configured, or as many as the descriptors that may be open leave room for. */
typedef struct ConnectionLimits {
    size_t max;
    size_t reserve;
} ConnectionLimits;

const char *connection_refusal_name(ConnectionRefusal refusal); /* NULL: not refused */
const char *connection_cut_name(ConnectionCut cut);

typedef struct Connections Connections;

typedef struct Connection {
    Connections *all;
    int fd;        /* libmicrohttpd's, which closes it */
    Caller caller; /* as known when it was accepted: on this machine with its uid, if it has one */
    bool here;     /* on this machine: a unix socket, or a loopback address */
    Peer *peer;
    ConnectionPhase phase;
    uint64_t since_ns; /* when the phase began */
    bool cut;          /* shut down; libmicrohttpd is about to notice */
    struct Connection *next, *prev;
} Connection;

/* `server` is borrowed. */
int connections_new(HttpServer *server, Connections **ret);
Connections *connections_free(Connections *all); /* after the last connection */
DEFINE_CLEANUP(Connections *, connections_free);

/* If it is refused, `fd` is still the caller's. */
ConnectionRefusal connections_add(Connections *all, int fd, const struct sockaddr *address,
        uint64_t now_ns, Connection **ret);
Connection *connection_free(Connection *connection);
/* The one with this descriptor, NULL if there is none. */
Connection *connections_find(const Connections *all, int fd);

/* There is no descriptor for another one: cuts off who would make room at a limit, if anybody. */
void connections_relieve(Connections *all);
ConnectionLimits connections_limits(const Connections *all);
/* How many descriptors the process needs for the configured limits. */
size_t connections_descriptors(const Config *config);

void connection_enter(Connection *connection, ConnectionPhase phase);
/* Cuts off who takes too long. From time to time. */
void connections_sweep(Connections *all, uint64_t now_ns);

size_t connections_count(const Connections *all);
uint64_t connections_refused(const Connections *all, ConnectionRefusal why);
uint64_t connections_cut(const Connections *all, ConnectionCut why);
