/* SPDX-License-Identifier: MIT */
/* What decides who may: the kernel's word about loopback connections, the token, and what is
 * remembered of those who connect. */

#include "base/clock.h"
#include "http/peer-owner.h"
#include "http/peers.h"
#include "http/reader.h"
#include "http/token.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* --- meters and peers */

Test(access, a_meter_lets_so_many_through_at_once_and_then_one_each_while)
{
    uint64_t now = 1000 * NSEC_PER_SEC;
    Meter meter = {};

    for (int i = 0; i < 3; i++)
        cr_assert(meter_take(&meter, now, NSEC_PER_SEC, 3));
    cr_assert_not(meter_take(&meter, now, NSEC_PER_SEC, 3));
    cr_assert_eq(meter_wait_ns(&meter, now, NSEC_PER_SEC, 3), NSEC_PER_SEC);
    cr_assert_not(meter_take(&meter, now + NSEC_PER_SEC - 1, NSEC_PER_SEC, 3));
    cr_assert(meter_take(&meter, now + NSEC_PER_SEC, NSEC_PER_SEC, 3));
    now += 100 * NSEC_PER_SEC;
    for (int i = 0; i < 3; i++)
        cr_assert(meter_take(&meter, now, NSEC_PER_SEC, 3), "nothing is saved up beyond that");
    cr_assert_not(meter_take(&meter, now, NSEC_PER_SEC, 3));
}

static PeerKey key_of(const char *ip, uint32_t uid)
{
    Caller caller = {.transport = TRANSPORT_HTTP, .uid = uid};

    strcpy(caller.peer, ip);
    return peer_key_of(&caller);
}

static bool same(PeerKey a, PeerKey b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

Test(access, one_peer_is_an_address_a_64_or_a_user)
{
    cr_assert(same(key_of("192.0.2.1", UID_NONE), key_of("192.0.2.1", UID_NONE)));
    cr_assert_not(same(key_of("192.0.2.1", UID_NONE), key_of("192.0.2.2", UID_NONE)));
    cr_assert(same(key_of("2001:db8::1", UID_NONE), key_of("2001:db8::ffff:1", UID_NONE)));
    cr_assert_not(same(key_of("2001:db8::1", UID_NONE), key_of("2001:db8:0:1::1", UID_NONE)));
    cr_assert(same(key_of("127.0.0.1", 1000), key_of("::1", 1000)));
    cr_assert_not(same(key_of("127.0.0.1", 1000), key_of("127.0.0.1", 1001)));
    cr_assert_not(same(key_of("127.0.0.1", 0), key_of("127.0.0.1", UID_NONE)));
}

Test(access, peers_are_bounded_and_the_connected_stay)
{
    Peers *peers = NULL;
    PeerKey connected = key_of("192.0.2.1", UID_NONE), guilty = key_of("192.0.2.2", UID_NONE);
    uint64_t now = 1000 * NSEC_PER_SEC;
    char ip[32];

    cr_assert_eq(peers_new(8, &peers), 0);
    peers_get(peers, &connected, now)->connections = 1;
    cr_assert(meter_take(&peers_get(peers, &guilty, now)->failures, now, 60 * NSEC_PER_SEC, 1));
    for (int i = 0; i < 1000; i++) {
        snprintf(ip, sizeof(ip), "198.51.%d.%d", i / 250, i % 250);
        PeerKey key = key_of(ip, UID_NONE);
        cr_assert(peers_get(peers, &key, now));
        cr_assert_leq(peers_count(peers), 8);
    }
    cr_assert_eq(peers_get(peers, &connected, now)->connections, 1);
    cr_assert_gt(peers_get(peers, &guilty, now)->failures.empty_at_ns, now,
            "a guess isn't forgotten for strangers");
    peers_sweep(peers, now + 3600 * NSEC_PER_SEC);
    cr_assert_eq(peers_count(peers), 1);
    for (int i = 0; i < 7; i++) {
        snprintf(ip, sizeof(ip), "198.51.100.%d", i);
        PeerKey key = key_of(ip, UID_NONE);
        peers_get(peers, &key, now)->connections = 1;
    }
    cr_assert_null(peers_get(peers, &guilty, now), "all are connected");
    peers_free(peers);
}

/* --- the owner of a connection */

typedef struct Pair {
    int listener, client, server;
} Pair;

static Pair pair_new(int family)
{
    struct sockaddr_storage name = {.ss_family = (sa_family_t)family};
    socklen_t size = sizeof(name);
    Pair pair = {
            .listener = socket(family, SOCK_STREAM, 0), .client = socket(family, SOCK_STREAM, 0)};

    if (family == AF_INET)
        ((struct sockaddr_in *)&name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&name)->sin6_addr = in6addr_loopback;
    cr_assert_eq(
            bind(pair.listener, (struct sockaddr *)&name,
                    family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)),
            0);
    cr_assert_eq(listen(pair.listener, 4), 0);
    cr_assert_eq(getsockname(pair.listener, (struct sockaddr *)&name, &size), 0);
    cr_assert_eq(connect(pair.client, (struct sockaddr *)&name, size), 0);
    pair.server = accept(pair.listener, NULL, NULL);
    cr_assert_geq(pair.server, 0);
    return pair;
}

static void pair_close(Pair *pair)
{
    safe_close(pair->listener);
    safe_close(pair->client);
    safe_close(pair->server);
}

static void check_owner(int family)
{
    PeerOwner owner;
    Pair pair = pair_new(family);
    uint32_t uid = 12345;

    peer_owner_init(&owner);
    cr_assert_eq(peer_owner_ask(&owner, pair.server, &uid), 0);
    cr_assert_eq(uid, getuid());
    cr_assert_eq(shutdown(pair.client, SHUT_WR), 0);
    cr_assert_eq(peer_owner_ask(&owner, pair.server, &uid), 0, "half closed, and still held");
    uid = 12345;
    pair.client = safe_close(pair.client);
    cr_assert_eq(peer_owner_ask(&owner, pair.server, &uid), -ENOTCONN, "the kernel would say root");
    cr_assert_eq(uid, 12345);
    cr_assert_lt(peer_owner_ask(&owner, pair.listener, &uid), 0, "not connected");
    peer_owner_done(&owner);
    pair_close(&pair);
}

Test(access, the_owner_of_a_connection)
{
    check_owner(AF_INET);
    check_owner(AF_INET6);
}

/* --- the token */

static int load(const char *text, mode_t mode, Token *token, ConfigError *error)
{
    char path[] = "/tmp/ntc-token-XXXXXX";
    int fd = mkstemp(path), r;
    Config *config = config_new_default();

    cr_assert(config);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    free(config->server.token_file);
    config->server.token_file = strdup(path);
    r = token_load(config, token, error);
    if (r < 0)
        cr_assert(strstr(error->message, path), "it names the file: %s", error->message);
    config_free(config);
    close(fd);
    unlink(path);
    return r;
}

Test(access, what_a_token_may_be)
{
    char longest[TOKEN_BYTES_MAX + 2] = "";
    ConfigError error = {};
    Token token = {};

    cr_assert_eq(load("0123456789abcdef", 0600, &token, &error), 1);
    cr_assert_eq(load("abc-._~+/=0123456\r\n\n", 0400, &token, &error), 1);
    cr_assert(token_equal(&token, "abc-._~+/=0123456", 17));
    cr_assert_lt(load("0123456789abcde", 0600, &token, &error), 0, "short");
    cr_assert_lt(load("", 0600, &token, &error), 0);
    cr_assert_lt(load("0123456789 abcdef", 0600, &token, &error), 0);
    cr_assert_lt(load("0123456789abcdef\n0123456789abcdef", 0600, &token, &error), 0);
    memset(longest, 'a', TOKEN_BYTES_MAX + 1);
    cr_assert_lt(load(longest, 0600, &token, &error), 0);
    longest[TOKEN_BYTES_MAX] = '\0';
    cr_assert_eq(load(longest, 0600, &token, &error), 1);
    static const mode_t open[] = {0640, 0604, 0660, 0620, 0610};
    for (size_t i = 0; i < ELEMENTSOF(open); i++)
        cr_assert_lt(load("0123456789abcdef", open[i], &token, &error), 0, "%o", open[i]);
    cr_assert_eq(token.size, TOKEN_BYTES_MAX, "left as it was");
}

Test(access, only_the_token_is_the_token)
{
    Token token = {.size = 16, .text = "0123456789abcdef"}, none = {};

    cr_assert(token_equal(&token, "0123456789abcdef", 16));
    cr_assert_not(token_equal(&token, "0123456789abcdeF", 16));
    cr_assert_not(token_equal(&token, "1123456789abcdef", 16));
    cr_assert_not(token_equal(&token, "0123456789abcde", 15));
    cr_assert_not(token_equal(&token, "0123456789abcdef0", 17));
    cr_assert_not(token_equal(&token, "", 0));
    cr_assert_not(token_equal(&none, "", 0), "where there is none, nothing is it");
}

/* --- who reads, and who does not */

Test(access, who_takes_next_to_nothing_is_slow)
{
    static char bytes[65536];
    Pair pair = pair_new(AF_INET);
    Reader reader = {};
    uint64_t now = 1000 * NSEC_PER_SEC, limit = 5 * NSEC_PER_SEC;
    ssize_t n;

    cr_assert_eq(fcntl(pair.server, F_SETFL, O_NONBLOCK), 0);
    cr_assert_not(reader_is_slow(&reader, pair.server, now, limit));
    cr_assert_not(reader_is_slow(&reader, pair.server, now + 100 * limit, limit), "nothing waits");
    now += 100 * limit;
    while ((n = send(pair.server, bytes, sizeof(bytes), 0)) > 0)
        reader.given_bytes += (uint64_t)n;
    usleep(100000); /* what is still on its way arrives */
    cr_assert_not(reader_is_slow(&reader, pair.server, now + 1, limit));
    cr_assert_not(reader_is_slow(&reader, pair.server, now + limit, limit));
    cr_assert(reader_is_slow(&reader, pair.server, now + limit + 2, limit));
    reader.given_bytes += (uint64_t)reader.waiting_bytes / READER_SHARE;
    cr_assert(reader_is_slow(&reader, pair.server, now + limit + 3, limit), "a little is nothing");
    cr_assert_eq(fcntl(pair.client, F_SETFL, O_NONBLOCK), 0);
    while (recv(pair.client, bytes, sizeof(bytes), 0) > 0)
        ;
    usleep(100000);
    cr_assert_not(reader_is_slow(&reader, pair.server, now + 3 * limit, limit), "it reads again");
    pair_close(&pair);
}

/* Reads a piece every so many seconds of a stream that never ends. After how many it is slow; 0:
 * never. A unix socket, since nothing of it is on its way. */
static unsigned slow_after(unsigned piece_every_sec)
{
    static char piece[16384];
    Reader reader = {};
    int pair[2];
    unsigned second = 0;
    ssize_t n;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    while (++second <= 120) {
        while ((n = send(pair[0], piece, sizeof(piece), 0)) > 0)
            reader.given_bytes += (uint64_t)n;
        if (second % piece_every_sec == 0)
            cr_assert_gt(recv(pair[1], piece, sizeof(piece), 0), 0);
        if (reader_is_slow(&reader, pair[0], (1000 + second) * NSEC_PER_SEC, 4 * NSEC_PER_SEC))
            break;
    }
    safe_close(pair[0]);
    safe_close(pair[1]);
    return second <= 120 ? second : 0;
}

Test(access, a_slow_link_is_not_a_dead_one)
{
    cr_assert_eq(slow_after(1), 0);
    cr_assert_eq(slow_after(2), 0, "an eighth of 200 kB in four seconds");
    cr_assert_leq(slow_after(30), 7, "%u", slow_after(30));
    cr_assert_gt(slow_after(30), 4);
}
