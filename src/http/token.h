/* SPDX-License-Identifier: MIT */
#pragma once

/* The secret that lets callers from elsewhere in (RFC 6750). It is read from server.token_file, or
 * else from the credential "token" that the service manager passes (systemd.exec(5),
 * LoadCredential=), and is written nowhere. */

#include "config/config.h"

#define TOKEN_BYTES_MIN 16
#define TOKEN_BYTES_MAX 256

typedef struct Token {
    size_t size; /* 0: there is none, and nobody can present it */
    char text[TOKEN_BYTES_MAX];
} Token;

/* 1: read. 0: there is none; if one was configured, `error` tells that its file isn't there yet.
 * -errno with the reason in `error`: a file that others can read or that isn't ours or root's, a
 * text that is no token. *ret is untouched on failure. */
int token_load(const Config *config, Token *ret, ConfigError *error);
void token_forget(Token *token);

/* Takes the same time for every wrong token of the right length. False if there is none. */
bool token_equal(const Token *token, const char *text, size_t size);
