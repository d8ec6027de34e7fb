/* SPDX-License-Identifier: MIT */
#pragma once

/* A whole server in this process, with the mock datapath and a real state file. Everything is
 * single-threaded: whoever speaks to it turns its loop while he waits. What can't be made aborts.
 */

#include "base/clock.h"
#include "datapath/datapath.h"
#include "http/server.h"

typedef struct World {
    sd_event *event;
    Config *config;
    Datapath *datapath;
    Control *control;
    FlowTable *flows;
    Stats *stats;
    Detect *detect;
    AlertLog *alerts;
    HttpServer *http;
    char folder[64];
    char *response; /* of the last exchange, for whoever reads any */
    unsigned watchers, denied, flushes;
    uint64_t event_base;
    int alerts_answer; /* 0: at once, 1: when the test says so, -errno: not at all */
    AlertsFoundFn found;
    void *found_userdata;
} World;

/* All but the server itself. */
World *world_new_unstarted(void);
/* On these listening sockets, or on those of w->config. */
void start_http(World *w, const int *fds, size_t n_fds);
/* Leaks abort too, where a sanitizer can tell. */
void world_free(World *w);
void turn(World *w, uint64_t msec);
