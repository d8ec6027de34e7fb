/* SPDX-License-Identifier: MIT */
#include "http/access.h"

#include "http/caller.h"
#include "http/peer-owner.h"
#include "http/peers.h"
#include "http/refusal.h"
#include "http/routes.h"
#include "http/token.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/worker.h"

#include <string.h>
#include <strings.h>

/* Wrong tokens of one address: so many at once, then one a second. While that limit holds a right
 * one is not looked at either, or it would be no limit. */
#define FAILURES_BURST   10
#define FAILURES_EACH_NS NSEC_PER_SEC
#define LOOKUP_QUIT_USEC (100 * USEC_PER_MSEC)

struct Access {
    HttpServer *server;
    PeerOwner owner;
    Members *members;
    Token token;
    Worker *worker; /* looks up the group */
};

/* --- construction, reload */

/* A token that is wanted and missing opens nothing: that is worth a line, not an end. */
static int load_token(const Config *config, Token *ret, ConfigError *error)
{
    int r = token_load(config, ret, error);

    if (r < 0)
        return r;
    if (error->message[0])
        log_warning("%s: callers from elsewhere can't change anything", error->message);
    else if (r == 0 && config->server.read_token)
        log_warning("server.read_token is set, but there is no token: callers from elsewhere can't "
                    "read anything");
    return 0;
}

int access_new(HttpServer *server, Access **ret, ConfigError *error)
{
    _cleanup_(access_freep) Access *access = calloc(1, sizeof(*access));
    int r;

    if (!access)
        return -ENOMEM;
    access->server = server;
    peer_owner_init(&access->owner);
    r = load_token(server->context.config, &access->token, error);
    if (r >= 0)
        r = members_new(MEMBERS_GROUP, &access->members);
    if (r >= 0)
        r = worker_new(server->event, "ntc-group", 2, &access->worker);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(access);
    return 0;
}

Access *access_free(Access *access)
{
    if (!access)
        return NULL;
    worker_free_timeout(access->worker, LOOKUP_QUIT_USEC);
    peer_owner_done(&access->owner);
    members_free(access->members);
    token_forget(&access->token);
    free(access);
    return NULL;
}

typedef struct Lookup {
    Access *access;
    Members *members;
} Lookup;

static int run_lookup(void *data)
{
    Lookup *lookup = data;

    return members_new(MEMBERS_GROUP, &lookup->members);
}

static void lookup_done(void *data, int result)
{
    _cleanup_free_ Lookup *lookup = data;

    if (result < 0) {
        log_warning(
                "The group could not be looked up, its old members stay: %s", strerror(-result));
        return;
    }
    members_free(lookup->access->members);
    lookup->access->members = lookup->members;
    log_debug("http: %zu users may write", members_count(lookup->members));
}

int access_reload(Access *access, const Config *config, ConfigError *error)
{
    _cleanup_free_ Lookup *lookup = calloc(1, sizeof(*lookup));
    Token token = {};
    int r;

    if (!lookup)
        return -ENOMEM;
    r = load_token(config, &token, error);
    if (r < 0)
        return r;
    access->token = token;
    token_forget(&token);
    lookup->access = access;
    if (worker_submit(access->worker, run_lookup, lookup_done, lookup) >= 0)
        TAKE_PTR(lookup);
    else
        log_warning("The group is still being looked up; reload again later");
    return 0;
}

/* --- who it is */

static Standing standing_of_loopback(Request *request)
{
    Access *access = request->server->access;
    int r = peer_owner_ask(&access->owner, request->from->fd, &request->caller.uid);

    if (r < 0)
        return r == -ENOTCONN ? STANDING_NOBODY : STANDING_UNTOLD;
    return members_contain(access->members, request->caller.uid) ? STANDING_MEMBER
                                                                 : STANDING_STRANGER;
}

static Standing standing_of_unix(const Request *request)
{
    const Members *members = request->server->access->members;

    if (request->caller.uid == UID_NONE)
        return STANDING_UNTOLD;
    return members_contain(members, request->caller.uid) ||
                           caller_has_group(request->from->fd, members)
                   ? STANDING_MEMBER
                   : STANDING_STRANGER;
}

static Standing standing_of(Request *request)
{
    if (request->token_valid)
        return STANDING_TOKEN;
    if (request->headers.from_proxy)
        return STANDING_PROXY;
    if (request->caller.transport == TRANSPORT_UNIX)
        return standing_of_unix(request);
    return request->from->here ? standing_of_loopback(request) : STANDING_ELSEWHERE;
}

void access_recognise(Access *access, int fd, Caller *caller)
{
    if (caller_is_loopback(caller))
        (void)peer_owner_ask(&access->owner, fd, &caller->uid);
}

bool access_is_member(const Access *access, const Caller *caller)
{
    return caller->uid != UID_NONE && members_contain(access->members, caller->uid);
}

static bool check(Request *request)
{
    Standing standing = standing_of(request);

    if (standing == STANDING_TOKEN || standing == STANDING_MEMBER)
        return true;
    refuse_standing(request, standing, request->server->access->token.size > 0);
    return false;
}

bool access_may_write(Request *request)
{
    return check(request);
}

bool access_may_read(Request *request)
{
    if (!request->server->context.config->server.read_token || routes_open(request))
        return true;
    return check(request);
}

/* --- the token */

/* What stands behind "Bearer ". A NUL ends it: libmicrohttpd hands out no more than what is before.
 */
static const char *presented(const Request *request, size_t *ret_size)
{
    static const char scheme[] = "Bearer ";
    const HeaderValue *header = &request->headers.values[HEADER_AUTHORIZATION];
    const char *value = header->text;
    size_t size = header->size;

    if (!value || size < strlen(scheme) || strncasecmp(value, scheme, strlen(scheme)) != 0)
        return NULL;
    for (; size > 0 && *value != ' '; size--)
        value++;
    for (; size > 0 && *value == ' '; size--)
        value++;
    *ret_size = size;
    return value;
}

bool access_check_token(Request *request)
{
    const Token *token = &request->server->access->token;
    Peer *peer = request->from->peer;
    uint64_t now_ns = clock_monotonic_ns(), wait_ns;
    size_t size = 0;
    const char *text = presented(request, &size);

    if (!text || token->size == 0)
        return true;
    wait_ns = meter_wait_ns(&peer->failures, now_ns, FAILURES_EACH_NS, FAILURES_BURST);
    if (wait_ns == 0)
        request->token_valid = token_equal(token, text, size);
    if (request->token_valid)
        return true;
    if (wait_ns == 0)
        meter_take(&peer->failures, now_ns, FAILURES_EACH_NS, FAILURES_BURST);
    refuse_token(request, wait_ns);
    return false;
}
