/* SPDX-License-Identifier: MIT */
#pragma once

/* What is remembered of those who connect, so that no one of them can take what belongs to all: an
 * address, an IPv6 /64 (one machine may have all of its addresses), or, on this machine itself, a
 * uid. The table is bounded: whoever has a connection is never forgotten, of the others those first
 * whose record says nothing any more. */

#include "base/cleanup.h"
#include "control/control.h"
#include "flow/keyed-hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PeerKey {
    uint8_t is_uid;
    uint8_t bytes[16];
} PeerKey;

/* A bucket that empties at a constant rate: so much at once, so often in the long run. */
typedef struct Meter {
    uint64_t empty_at_ns;
} Meter;

/* One more now? Takes it if so. */
bool meter_take(Meter *meter, uint64_t now_ns, uint64_t interval_ns, unsigned burst);
/* When meter_take() would succeed again; 0: now. */
uint64_t meter_wait_ns(const Meter *meter, uint64_t now_ns, uint64_t interval_ns, unsigned burst);

typedef struct Peer {
    PeerKey key;
    unsigned connections;
    unsigned awaited;  /* of them, those that owe us a request */
    unsigned streams;  /* of them, viewers of /events */
    size_t held;       /* see held.h */
    Meter failures;    /* wrong tokens */
    Meter reports;     /* refusals told to the journal */
    uint64_t untold;   /* refusals not told since the last one that was */
    uint64_t turns_ns; /* see queue.c */
    UT_hash_handle hh;
} Peer;

typedef struct Peers Peers;

int peers_new(size_t max, Peers **ret);
Peers *peers_free(Peers *peers);
DEFINE_CLEANUP(Peers *, peers_free);
/* Those that are there stay. */
void peers_set_max(Peers *peers, size_t max);

PeerKey peer_key_of(const Caller *caller);
/* The record of `key`, made if there is none. NULL: no memory, or all are connected. Valid until
 * the next call unless it has connections. */
Peer *peers_get(Peers *peers, const PeerKey *key, uint64_t now_ns);
/* Forgets what says nothing any more. From time to time. */
void peers_sweep(Peers *peers, uint64_t now_ns);
size_t peers_count(const Peers *peers);
