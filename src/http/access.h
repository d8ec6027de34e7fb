/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may do what over HTTP: the one place where that is decided.
 *
 *   over a unix socket    the peer's uid and groups (SO_PEERCRED, SO_PEERGROUPS)
 *   over loopback TCP     the uid that owns the peer's socket (peer-owner.h), asked anew each time
 *   from elsewhere        the token
 *
 * Root, the daemon's own user and the members of the group (members.h) may write. A request that a
 * proxy passed on speaks for somebody who isn't here, and needs the token whatever way it came. A
 * wrong token is refused whoever sends it. Everyone may read, unless server.read_token is set: then
 * reading is for those who may write. */

#include "http/request.h"

/* What the decisions rest on; owned by the server. */
typedef struct Access Access;

int access_new(HttpServer *server, Access **ret, ConfigError *error);
Access *access_free(Access *access);
DEFINE_CLEANUP(Access *, access_free);
/* Takes the token that `config` names, and has the group looked up anew: that may take long, and
 * until then the old members hold. -errno with `error`: nothing changed. */
int access_reload(Access *access, const Config *config, ConfigError *error);

/* Who `caller` is, if he is on this machine: fills in the uid where it can be had. For counting,
 * not for letting in: that is asked anew. */
void access_recognise(Access *access, int fd, Caller *caller);
bool access_is_member(const Access *access, const Caller *caller);

/* Each false: request->reply is the refusal, and it was reported. The token is checked first. */
bool access_check_token(Request *request); /* sets request->token_valid */
bool access_may_read(Request *request);
bool access_may_write(Request *request);
