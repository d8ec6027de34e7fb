/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists that feeds are read into, with a datapath, a state file and a folder of feeds. */

#include "control/control-internal.h"

#include <stdio.h>

typedef struct World {
    char base[64];
    char state[128];
    char folder[128];
    Config config;
    sd_event *event;
    Datapath *datapath;
    Control *control;
    size_t feed_reports, no_room, list_events;
} World;

typedef struct Answer {
    bool there;
    ControlError error;
    char message[512];
} Answer;

void start(World *w);
void write_feed(World *w, const char *name, const char *text);
/* As a download in place writes it: a part now, the rest later. To be closed. */
FILE *begin_feed(World *w, const char *name, const char *text);
World *new_world(uint32_t capacity, const char *feed);
void free_world(World *w);
void wait_for_feeds(World *w, size_t times);
ListEntry *entry_of(World *w, const char *text);
Answer run_for(World *w, CommandVerb verb, const char *address, uint64_t ttl_sec);
Answer run(World *w, CommandVerb verb, const char *address);
size_t count(World *w);
size_t count_in_file(World *w);
void assert_datapath_agrees(World *w);
