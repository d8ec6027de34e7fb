/* SPDX-License-Identifier: MIT */
#include "http/refusal.h"

#include "http/members.h"
#include "http/peers.h"
#include "http/routes.h"

#include "base/clock.h"

#include <string.h>

#define REPORTS_BURST   5
#define REPORTS_EACH_NS (10 * NSEC_PER_SEC)

static void report(Request *request, const char *why)
{
    static const char *const methods[_METHOD_MAX] = {"GET", "POST", "DELETE", "another method on"};
    HttpServer *server = request->server;
    const HttpContext *context = &server->context;
    uint64_t now_ns = clock_monotonic_ns();
    Peer *peer = request->from->peer;
    char what[160];

    server->refused++;
    if (!context->access_denied)
        return;
    if (!meter_take(&peer->reports, now_ns, REPORTS_EACH_NS, REPORTS_BURST)) {
        peer->untold++;
        return;
    }
    snprintf(what, sizeof(what), "%s %s (%s)", methods[request->method], routes_name(request), why);
    if (peer->untold > 0)
        snprintf(what + strlen(what), sizeof(what) - strlen(what), ", after %llu more,",
                (unsigned long long)peer->untold);
    peer->untold = 0;
    context->access_denied(&request->caller, what, context->userdata);
}

#define HOW_HERE                                                                                   \
    "use sudo or ntcctl, or become a member of the group " MEMBERS_GROUP                           \
    " (usermod -aG " MEMBERS_GROUP " NAME; systemctl reload ntc)"
#define HOW_ELSEWHERE                                                                              \
    "use ntcctl on the machine itself, or send the token (Authorization: Bearer TOKEN)"

typedef struct Refusal {
    const char *why, *how;
} Refusal;

static const Refusal refusals[_STANDING_MAX] = {
        [STANDING_STRANGER] = {"this user may not", HOW_HERE},
        [STANDING_NOBODY] = {"no process holds the other end of this connection", HOW_HERE},
        [STANDING_UNTOLD] = {"the kernel does not tell whose connection this is", HOW_HERE},
        [STANDING_PROXY] = {"a proxy passed this on without the token", HOW_ELSEWHERE},
        [STANDING_ELSEWHERE] = {"from another machine this needs the token", HOW_ELSEWHERE},
};

/* From elsewhere there is something to try again with: 401. Here there is not: 403. */
void refuse_standing(Request *request, Standing standing, bool has_token)
{
    const Refusal *refusal = &refusals[standing];
    bool remote = standing == STANDING_PROXY || standing == STANDING_ELSEWHERE;

    reply_error(&request->reply, remote && has_token ? 401 : 403,
            remote && has_token ? "unauthorized" : "forbidden", "%s; %s%s", refusal->why,
            refusal->how, remote && !has_token ? "; none is set, see server.token_file" : "");
    if (has_token)
        request->reply.authenticate = "Bearer realm=\"ntc\"";
    report(request, refusal->why);
}

void refuse_token(Request *request, uint64_t wait_ns)
{
    if (wait_ns > 0) {
        reply_error(&request->reply, 429, "too-many-attempts",
                "too many wrong tokens came from your address; wait a little");
        request->reply.retry_after_sec = (unsigned)(wait_ns / NSEC_PER_SEC + 1);
    } else {
        reply_error(&request->reply, 401, "bad-token", "this is not the token");
        request->reply.authenticate = "Bearer realm=\"ntc\", error=\"invalid_token\"";
    }
    report(request, wait_ns > 0 ? "too many wrong tokens" : "wrong token");
}
