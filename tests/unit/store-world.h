/* SPDX-License-Identifier: MIT */
#pragma once

/* A state file in a folder of its own, and lists to save there and to load from there. */

#include "base/clock.h"
#include "control/store.h"

#define WALL_NS (1800000000ULL * NSEC_PER_SEC) /* 2027 */

typedef struct Fixture {
    char folder[64];
    char path[128];
    List *lists[_LIST_MAX];
    StoreReport report;
} Fixture;

extern const StoreClock clock0; /* in the boot "boot-a" */

void empty_lists(Fixture *f, size_t capacity);
Fixture *new_fixture(void);
void free_fixture(Fixture **f);
ListEntry *add(Fixture *f, ListId id, const char *text, uint64_t ttl_sec, const char *comment);
int save(Fixture *f, const StoreClock *now);
int load(Fixture *f, const StoreClock *now);
ListEntry *first(Fixture *f);
void write_text(const char *path, const char *text);
size_t count_files(const char *folder);

/* Removed at the end, with all that is in it; what leaked aborts the test. */
#define FIXTURE(f) __attribute__((cleanup(free_fixture))) Fixture *f = new_fixture()
