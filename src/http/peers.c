/* SPDX-License-Identifier: MIT */
#include "http/peers.h"

#include "base/address.h"

#include <string.h>

#define IPV6_SITE_BITS 64

struct Peers {
    Peer *table;
    size_t max;
};

bool meter_take(Meter *meter, uint64_t now_ns, uint64_t interval_ns, unsigned burst)
{
    if (meter_wait_ns(meter, now_ns, interval_ns, burst) > 0)
        return false;
    meter->empty_at_ns = MAX_OF(meter->empty_at_ns, now_ns) + interval_ns;
    return true;
}

uint64_t meter_wait_ns(const Meter *meter, uint64_t now_ns, uint64_t interval_ns, unsigned burst)
{
    uint64_t room = now_ns + interval_ns * (burst - 1);

    return meter->empty_at_ns > room ? meter->empty_at_ns - room : 0;
}

int peers_new(size_t max, Peers **ret)
{
    Peers *peers = calloc(1, sizeof(*peers));

    if (!peers)
        return -ENOMEM;
    peers->max = max;
    *ret = peers;
    return 0;
}

void peers_set_max(Peers *peers, size_t max)
{
    peers->max = max;
}

static void forget(Peers *peers, Peer *peer)
{
    HASH_DEL(peers->table, peer);
    free(peer);
}

Peers *peers_free(Peers *peers)
{
    if (!peers)
        return NULL;
    for (Peer *peer = peers->table, *next; peer; peer = next) {
        next = peer->hh.next;
        forget(peers, peer);
    }
    free(peers);
    return NULL;
}

PeerKey peer_key_of(const Caller *caller)
{
    PeerKey key = {.is_uid = caller->uid != UID_NONE};
    Address address = {};

    if (key.is_uid)
        memcpy(key.bytes, &caller->uid, sizeof(caller->uid));
    else if (address_parse(caller->peer, &address) >= 0)
        memcpy(key.bytes, address.bytes,
                address_is_ipv4(&address) ? sizeof(key.bytes) : IPV6_SITE_BITS / 8);
    return key;
}

static bool says_nothing(const Peer *peer, uint64_t now_ns)
{
    return peer->connections == 0 && peer->failures.empty_at_ns <= now_ns &&
           peer->reports.empty_at_ns <= now_ns && peer->untold == 0;
}

void peers_sweep(Peers *peers, uint64_t now_ns)
{
    for (Peer *peer = peers->table, *next; peer; peer = next) {
        next = peer->hh.next;
        if (says_nothing(peer, now_ns))
            forget(peers, peer);
    }
}

/* Of those that aren't connected, the one whose failures are forgiven first. */
static bool make_room(Peers *peers, uint64_t now_ns)
{
    Peer *least = NULL;

    peers_sweep(peers, now_ns);
    if (HASH_COUNT(peers->table) < peers->max)
        return true;
    for (Peer *peer = peers->table; peer; peer = peer->hh.next)
        if (peer->connections == 0 &&
                (!least || peer->failures.empty_at_ns < least->failures.empty_at_ns))
            least = peer;
    if (!least)
        return false;
    forget(peers, least);
    return true;
}

Peer *peers_get(Peers *peers, const PeerKey *key, uint64_t now_ns)
{
    Peer *peer = NULL;

    HASH_FIND(hh, peers->table, key, sizeof(*key), peer);
    if (peer)
        return peer;
    if (HASH_COUNT(peers->table) >= peers->max && !make_room(peers, now_ns))
        return NULL;
    peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->key = *key;
    HASH_ADD(hh, peers->table, key, sizeof(peer->key), peer);
    if (!hash_added(peer)) {
        free(peer);
        return NULL;
    }
    return peer;
}

size_t peers_count(const Peers *peers)
{
    return HASH_COUNT(peers->table);
}
