/* SPDX-License-Identifier: MIT */
#pragma once

/* A server (http-daemon.h) spoken to over raw sockets. The client's socket is non-blocking, and the
 * loop turns while it waits. */

#include "http-daemon.h"

#include "base/json.h"
#include "base/text.h"

#include <criterion/criterion.h>

#define JSON "Content-Type: application/json\r\n"
#define FIRST_ALERT                                                                                  \
    "{\"time\":\"2026-01-01T00:00:01.000Z\",\"kind\":\"port-scan\",\"ip\":\"192.0.2.1\",\"target\":" \
    "\"10.0.0.1\",\"interface\":\"eth0\",\"message\":\"192.0.2.1 tried \\\"it\\\"\",\"ports\":1000," \
    "\"hosts\":1,\"packets\":1002,\"blocked_until\":\"2026-01-01T00:10:01.000Z\"}"

World *world_new(void);
int dial_to(const char *ip, uint16_t port);
int dial(World *w);
void send_all(World *w, int fd, const char *data, size_t size);
const char *receive(World *w, int fd, const char *until);
const char *exchange_bytes(World *w, const char *request, size_t size);
const char *exchange(World *w, const char *request);
int status_of(const char *response);
const char *body_of(const char *response);
int request(
        World *w, const char *method, const char *target, const char *headers, const char *body);
int get(World *w, const char *target);
int post(World *w, const char *target, const char *body);
json_object *body_json(World *w);
bool says(World *w, const char *text);
void assert_error(World *w, int status, const char *code);
FlowSample sample(
        const char *src, const char *dst, uint16_t dport, uint64_t packets, uint64_t bytes);
void add_flows(World *w);
void set_counters(World *w);
uint64_t number_in(json_object *object, const char *key);
void add_alerts(World *w);
bool has_line(World *w, const char *line);
