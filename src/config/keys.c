/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include "base/text.h"

#include <string.h>

#define KEY(name, key_type)                                                                        \
    {                                                                                              \
#        name, key_type, offsetof(Config, name), 0, 0, 0                                           \
    }
#define NUMBER(name, min, max, initial)                                                            \
    {                                                                                              \
#        name, KEY_UINT32, offsetof(Config, name), min, max, initial                               \
    }
#define BOOL(name, initial)                                                                        \
    {                                                                                              \
#        name, KEY_BOOL, offsetof(Config, name), 0, 1, initial                                     \
    }
#define TOP(name, key_type, field)                                                                 \
    {                                                                                              \
#        name, key_type, offsetof(Config, field), 0, 0, 0                                          \
    }

const ConfigKey config_keys[] = {
        {"server.port", KEY_UINT16, offsetof(Config, server.port), 0, 65535, 8086},
        KEY(server.listen, KEY_ADDRESSES),
        KEY(server.timezone, KEY_TIMEZONE),
        TOP(timezone, KEY_TIMEZONE, server.timezone),
        KEY(server.allowed_hosts, KEY_STRINGS),
        KEY(server.token_file, KEY_STRING),
        BOOL(server.read_token, false),
        NUMBER(server.connections_max, 8, 65536, 512),
        NUMBER(server.connections_per_address_max, 1, 65536, 64),
        NUMBER(server.connections_reserve, 4, 1024, 32),
        NUMBER(server.request_timeout_sec, 1, 3600, 15),
        NUMBER(server.header_max_bytes, 2048, 262144, 16384),
        NUMBER(server.body_max_bytes, 256, 16777216, 65536),
        NUMBER(server.sse_clients_max, 0, 4096, 64),
        NUMBER(server.sse_clients_per_address_max, 1, 4096, 16),
        KEY(network.interfaces, KEY_STRINGS),
        BOOL(network.tcx, true),
        KEY(persistence.path, KEY_PATH),
        KEY(feeds.blacklist_folder, KEY_STRING),
        KEY(feeds.whitelist_folder, KEY_STRING),
        NUMBER(lists.capacity, CONFIG_LIST_MIN, 1048576, 65536),
        {"lists.ssh_ports", KEY_PORTS, offsetof(Config, lists.ssh_ports), 1, 65535, 0},
        NUMBER(flows.capacity, 64, 4194304, 65536),
        NUMBER(flows.tcp_idle_sec, 1, 86400, 120),
        NUMBER(flows.other_idle_sec, 1, 86400, 30),
        NUMBER(flows.active_sec, 1, 604800, 1800),
        NUMBER(flows.closed_linger_sec, 0, 3600, 2),
        NUMBER(flows.scan_interval_ms, 50, 60000, 1000),
        NUMBER(flows.fragments_capacity, 64, 1048576, 4096),
        NUMBER(stats.addresses_max, 64, 1048576, 16384),
        NUMBER(stats.top, 0, 1000, 10),
        NUMBER(events.budget, 0, 3900000, 2000),
        NUMBER(events.drop_budget, 0, 3900000, 500),
        NUMBER(events.ring_bytes, 65536, 268435456, 262144),
        NUMBER(events.buffer, 16, 1048576, 4096),
        NUMBER(detect.scan_ports, 0, 65535, 20),
        NUMBER(detect.sweep_hosts, 0, 65535, 100),
        NUMBER(detect.syn_flood_per_sec, 0, 1000000, 200),
        NUMBER(detect.syn_flood_percent, 1, 100, 75),
        NUMBER(detect.volume_per_sec, 0, 100000000, 5000),
        NUMBER(detect.window_sec, 1, 3600, 60),
        NUMBER(detect.cooldown_sec, 1, 86400, 600),
        NUMBER(detect.tracked_max, 64, 65536, 2048),
        NUMBER(detect.alerts_max, 16, 65536, 1000),
        BOOL(detect.block, false),
        NUMBER(detect.block_ttl_sec, 1, 31536000, 600),
        NUMBER(detect.block_ttl_max_sec, 1, 31536000, 86400),
        NUMBER(mock.rate, 0, 1000000, 200),
        NUMBER(mock.seed, 0, UINT32_MAX, 0),
};
const size_t config_n_keys = ELEMENTSOF(config_keys);

static const char *const sections[] = {"server", "network", "persistence", "feeds", "lists",
        "flows", "stats", "events", "detect", "mock"};

const ConfigKey *config_key_find(const char *path)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].path, path) == 0)
            return &config_keys[i];
    return NULL;
}

static bool strings_equal(const StringList *a, const StringList *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

bool config_key_equal(const ConfigKey *key, const Config *a, const Config *b)
{
    const void *one = (const char *)a + key->offset, *other = (const char *)b + key->offset;

    switch (key->type) {
    case KEY_UINT16:
        return *(const uint16_t *)one == *(const uint16_t *)other;
    case KEY_UINT32:
        return *(const uint32_t *)one == *(const uint32_t *)other;
    case KEY_BOOL:
        return *(const bool *)one == *(const bool *)other;
    case KEY_STRINGS:
    case KEY_ADDRESSES:
        return strings_equal(one, other);
    default:
        return strcmp(*(char *const *)one, *(char *const *)other) == 0;
    }
}

bool config_section_exists(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(sections); i++)
        if (strcmp(sections[i], name) == 0)
            return true;
    return false;
}

/* Compared whole, and by the last part alone: the right key in the wrong section is found too. */
static size_t distance(const char *wanted, const char *known)
{
    const char *w = strrchr(wanted, '.'), *k = strrchr(known, '.');
    size_t whole = text_distance(wanted, known);
    size_t last = text_distance(w ? w + 1 : wanted, k ? k + 1 : known) + 1;

    return MIN_OF(whole, last);
}

const char *config_key_nearest(const char *path)
{
    const char *nearest = NULL;
    size_t best = strlen(path) / 2 + 1;

    for (size_t i = 0; i < config_n_keys; i++) {
        size_t d = distance(path, config_keys[i].path);

        if (d < best) {
            best = d;
            nearest = config_keys[i].path;
        }
    }
    for (size_t i = 0; !strchr(path, '.') && i < ELEMENTSOF(sections); i++)
        if (text_distance(path, sections[i]) < best) {
            best = text_distance(path, sections[i]);
            nearest = sections[i];
        }
    return nearest;
}

void config_set_default_numbers(Config *config)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        void *field = (char *)config + config_keys[i].offset;

        if (config_keys[i].type == KEY_UINT16)
            *(uint16_t *)field = (uint16_t)config_keys[i].initial;
        else if (config_keys[i].type == KEY_BOOL)
            *(bool *)field = config_keys[i].initial;
        else if (config_keys[i].type == KEY_UINT32)
            *(uint32_t *)field = config_keys[i].initial;
    }
}
