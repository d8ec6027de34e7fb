/* SPDX-License-Identifier: MIT */
#pragma once

/* The single path of changes against a datapath that remembers what it was told and can refuse, and
 * against a disk that can refuse. */

#include "base/clock.h"
#include "control/control-internal.h"

#include <criterion/criterion.h>

#define FAKE_ENTRIES 70000
#define FAKE_LOG     256

typedef struct Fake {
    Datapath base;
    ListChange *entries;
    size_t count;
    ListChange log[FAKE_LOG]; /* the changes of the last calls, in order */
    size_t n_log;
    unsigned applies;
    unsigned recycled;
    int refuse; /* the next apply's answer */
    uint32_t slots;
    size_t n_ssh_ports;
    bool slots_used;
    bool slow; /* don't check for duplicates */
} Fake;

extern const DatapathOps fake_ops;
ListChange *fake_find(Fake *fake, const ListChange *change);

typedef struct World {
    char folder[64];
    char path[128];
    Config config;
    sd_event *event;
    Fake fake;
    Control *control;
    StoreReport report;
    ConfigError error;
    ListEvent events[64]; /* entries are not valid any more, types and counts are */
    char event_prefix[64][PREFIX_TEXT_MAX];
    size_t n_events;
    size_t storage_failed_undone;
    unsigned storage_failed;
} World;

extern StoreClock fake_now;
int start_control(World *w);
World *new_world(uint32_t capacity);
void free_world(World **world);
#define WORLD(w, capacity) __attribute__((cleanup(free_world))) World *w = new_world(capacity)
/* Stops, and forgets what the kernel held; start_control() starts again. */
void restart(World *w);

typedef struct Reply {
    unsigned times;
    ControlError error;
    bool changed;
    char message[512];
    char address[PREFIX_TEXT_MAX];
} Reply;

void on_done(const CommandResult *result, void *userdata);
/* Of root over HTTP, for the blacklist; false: to remove. */
Command command(const char *address, bool add);
/* Without waiting for the disk. */
void submit(World *w, const Command *c, Reply *reply);
void settle(World *w);
ControlError run(World *w, const Command *c, Reply *reply);
ControlError add(World *w, const char *address, Reply *reply);
ControlError drop(World *w, const char *address, Reply *reply);
void add_for(World *w, const char *address, uint64_t ttl_sec);
/* Submits so many different addresses. */
void fill(World *w, uint32_t from, uint32_t n, Reply *replies);

ListEntry *entry_of(World *w, const char *text); /* of the blacklist */
size_t count_in_memory(World *w);
void assert_all_agree(World *w, size_t n);
bool file_has(World *w, const char *wanted);

void break_disk(World *w);
void mend_disk(World *w);
