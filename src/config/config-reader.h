/* SPDX-License-Identifier: MIT */
#pragma once

/* One YAML document on its way into a Config: config-yaml.c walks through it, config-value.c reads
 * the value of each key. Private to these two. */

#include "config/keys.h"

#include <yaml.h>

typedef struct ConfigReader {
    const char *name;
    yaml_document_t document;
    Config *config;            /* borrowed */
    ConfigError *error;        /* borrowed */
    bool seen[sizeof(Config)]; /* by offset of the field: two keys may mean the same one */
} ConfigReader;

#define CONFIG_SHOWN_BYTES 60  /* of what somebody wrote */
#define CONFIG_NAME_BYTES  120 /* of the file's name */

/* Fills the complaint with the file, the node's line and the key; NULL for either: it is left out,
 * or the first line's. Returns -EINVAL. */
_printf_(4, 5) int config_complain(
        ConfigReader *reader, const yaml_node_t *node, const char *key, const char *format, ...);

/* The text of a scalar without NUL; NULL for anything else. Borrowed from the document. */
const char *config_scalar(const yaml_node_t *node);

/* Into the key's field. -EINVAL with a complaint; -ENOMEM. */
int config_read_value(ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key);
