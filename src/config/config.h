/* SPDX-License-Identifier: MIT */
#pragma once

/* The configuration as the rest of the tree sees it: typed, complete, validated. Where it comes
 * from (a YAML file, the command line) is config-yaml.c's business. Every field has a default,
 * documented in config.yaml; a Config is never half valid. A Config is immutable once loaded; a
 * reload makes a new one. */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_STRINGS_MAX     64
#define CONFIG_SSH_PORTS_MAX   16
#define CONFIG_LIST_MIN        1024
#define CONFIG_EXIT_STATUS_BAD 78 /* EX_CONFIG, sysexits.h */

typedef struct StringList {
    size_t count;
    char *items[CONFIG_STRINGS_MAX]; /* owned */
} StringList;

/* What is an alert, and what follows from one; docs/detection.md. */
typedef struct DetectConfig {
    uint32_t scan_ports;        /* of one host; 0 = off, as with the next three */
    uint32_t sweep_hosts;       /* on one port */
    uint32_t syn_flood_per_sec; /* SYNs that come to nothing, to one port of one host */
    uint32_t volume_per_sec;    /* packets of one source that nobody answers */
    uint32_t syn_flood_percent; /* so many of all SYNs must come to nothing */
    uint32_t window_sec;        /* of scans and sweeps */
    uint32_t cooldown_sec;
    uint32_t tracked_max; /* sources and targets, of each kind */
    uint32_t alerts_max;  /* held in memory */
    bool block;
    bool zero[3]; /* no hidden padding: a reload compares the bytes */
    uint32_t block_ttl_sec;
    uint32_t block_ttl_max_sec;
} DetectConfig;

typedef struct Config {
    struct {
        uint16_t port;
        StringList listen; /* addresses; empty = all, IPv4 and IPv6 */
        char *timezone;    /* IANA name, "" = UTC */
        StringList allowed_hosts;
        char *token_file; /* "": the service manager's credential "token", if there is one */
        bool read_token;  /* reading needs the token too */
        uint32_t connections_max;
        uint32_t connections_per_address_max;
        uint32_t connections_reserve; /* beyond connections_max, for who may write from here */
        uint32_t request_timeout_sec;
        uint32_t header_max_bytes;
        uint32_t body_max_bytes;
        uint32_t sse_clients_max;
        uint32_t sse_clients_per_address_max;
    } server;
    struct {
        StringList interfaces; /* names, shell globs, "auto" */
        bool tcx;              /* false: clsact filters even where the kernel has TCX */
    } network;
    struct {
        /* The state file; relative to $STATE_DIRECTORY, or without it to the working directory. */
        char *path;
    } persistence;
    struct {
        char *blacklist_folder; /* of files NAME.list; "": none */
        char *whitelist_folder;
    } feeds;
    struct {
        uint32_t capacity; /* entries per list */
        uint16_t ssh_ports[CONFIG_SSH_PORTS_MAX];
        size_t n_ssh_ports;
    } lists;
    struct {
        uint32_t capacity;
        uint32_t tcp_idle_sec;
        uint32_t other_idle_sec;
        uint32_t active_sec;
        uint32_t closed_linger_sec;
        uint32_t scan_interval_ms;
        uint32_t fragments_capacity;
    } flows;
    struct {
        uint32_t addresses_max; /* addresses with a window of their own */
        uint32_t top;           /* how many addresses get metrics of their own */
    } stats;
    struct {
        uint32_t budget;      /* packets a second */
        uint32_t drop_budget; /* dropped packets a second */
        uint32_t ring_bytes;  /* rounded up to a power of two, at least 64 KiB */
        uint32_t buffer;      /* events held for resuming clients */
    } events;
    DetectConfig detect;
    struct {
        uint32_t rate; /* synthetic packets a second */
        uint32_t seed; /* 0 = a new one at each start */
    } mock;
} Config;

Config *config_new_default(void); /* NULL: out of memory */
Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free);

/* Sets every number to its default (keys.c); part of config_new_default(). */
void config_set_default_numbers(Config *config);

/* A one-line complaint for the user: "FILE:LINE: server.prot: unknown key, did you mean
 * server.port?". */
typedef struct ConfigError {
    char message[512];
} ConfigError;

/* Reads `path`. -ENOENT when the file isn't there (the message says so), -EINVAL for anything wrong
 * in it, other -errno from reading. On failure *ret is untouched and *error is filled. */
int config_load(const char *path, Config **ret, ConfigError *error);
/* The same from memory; `name` stands for the file in messages. The text need not be terminated. */
int config_parse(const char *name, const char *text, size_t size, Config **ret, ConfigError *error);

/* Appends a copy of `item`. -ENOMEM, -E2BIG. */
int string_list_add(StringList *list, const char *item);
void string_list_clear(StringList *list);
