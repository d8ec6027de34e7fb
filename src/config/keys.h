/* SPDX-License-Identifier: MIT */
#pragma once

/* The table of configuration keys: what each is called, where it goes, what it may be. The one
 * place to add a key (besides config.h and config.yaml). */

#include "config/config.h"

typedef enum KeyType {
    KEY_UINT16,
    KEY_UINT32,
    KEY_BOOL,      /* initial: 0 or 1 */
    KEY_STRING,    /* char *, owned */
    KEY_TIMEZONE,  /* a KEY_STRING that names a time zone */
    KEY_PATH,      /* a KEY_STRING that isn't empty */
    KEY_STRINGS,   /* StringList */
    KEY_ADDRESSES, /* a KEY_STRINGS of IP addresses */
    KEY_PORTS,     /* lists.ssh_ports */
} KeyType;

typedef struct ConfigKey {
    const char *path; /* "server.port" */
    KeyType type;
    size_t offset;              /* in Config */
    uint32_t min, max, initial; /* of numbers */
} ConfigKey;

extern const ConfigKey config_keys[];
extern const size_t config_n_keys;

const ConfigKey *config_key_find(const char *path); /* NULL */
/* Not of KEY_PORTS. */
bool config_key_equal(const ConfigKey *key, const Config *a, const Config *b);
bool config_section_exists(const char *name);
/* The known key or section that looks most like `path`; NULL if none does. */
const char *config_key_nearest(const char *path);
