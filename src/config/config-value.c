/* SPDX-License-Identifier: MIT */
/* The value of a key, by the key's type. */

#include "config/config-reader.h"

#include "base/address.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

int config_complain(
        ConfigReader *reader, const yaml_node_t *node, const char *key, const char *format, ...)
{
    char what[320];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (!key)
        key = "";
    snprintf(reader->error->message, sizeof(reader->error->message), "%.*s:%zu: %.*s%s%s",
            text_fit(reader->name, CONFIG_NAME_BYTES), reader->name,
            node ? node->start_mark.line + 1 : 1, text_fit(key, CONFIG_SHOWN_BYTES), key,
            key[0] ? ": " : "", what);
    return -EINVAL;
}

const char *config_scalar(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE ||
            strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return NULL;
    return (const char *)node->data.scalar.value;
}

static int read_number(
        ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key, uint64_t *ret)
{
    const char *text = config_scalar(node);

    if (!text || parse_uint64(text, key->min, key->max, ret) < 0)
        return config_complain(reader, node, key->path, "must be a whole number from %u to %u",
                key->min, key->max);
    return 0;
}

static int read_bool(ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key, bool *ret)
{
    const char *text = config_scalar(node);

    if (!text || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
        return config_complain(reader, node, key->path, "must be true or false");
    *ret = text[0] == 't';
    return 0;
}

/* Without a database there is nothing to hold the name against. With one, the file must begin as
 * tzfile(5) says: Europe is a folder, and zone.tab is no zone. */
static bool timezone_exists(const char *name)
{
    _cleanup_fclose_ FILE *file = NULL;
    char path[256], magic[4];

    if (!name[0] || access("/usr/share/zoneinfo", F_OK) < 0)
        return true;
    if (name[0] == '/' || strstr(name, ".."))
        return false;
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    file = fopen(path, "re");
    return file && fread(magic, 1, 4, file) == 4 && memcmp(magic, "TZif", 4) == 0;
}

static int read_string(
        ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key, char **field)
{
    const char *text = config_scalar(node);
    char *copy;

    if (!text || !text_is_printable(text))
        return config_complain(reader, node, key->path, "must be a text");
    if (key->type == KEY_TIMEZONE && !timezone_exists(text))
        return config_complain(reader, node, key->path,
                "no such time zone: %.*s (an IANA name like Europe/Berlin; `timedatectl list-timezones`)",
                text_fit(text, CONFIG_SHOWN_BYTES), text);
    if (key->type == KEY_PATH && !text[0])
        return config_complain(reader, node, key->path, "must not be empty");
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static int add_item(
        ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key, StringList *list)
{
    const char *text = config_scalar(node);
    Address address;
    int r;

    if (!text || !text[0] || !text_is_printable(text))
        return config_complain(reader, node, key->path, "each item must be a text");
    if (key->type == KEY_ADDRESSES && address_parse(text, &address) < 0)
        return config_complain(reader, node, key->path, "not an IP address: %.*s",
                text_fit(text, CONFIG_SHOWN_BYTES), text);
    r = string_list_add(list, text);
    if (r == -E2BIG)
        return config_complain(reader, node, key->path, "at most %d items", CONFIG_STRINGS_MAX);
    return r;
}

static int read_strings(
        ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key, StringList *list)
{
    int r = 0;

    if (node->type != YAML_SEQUENCE_NODE)
        return config_complain(reader, node, key->path, "must be a list, like [a, b]");
    string_list_clear(list);
    for (yaml_node_item_t *i = node->data.sequence.items.start;
            r >= 0 && i < node->data.sequence.items.top; i++)
        r = add_item(reader, yaml_document_get_node(&reader->document, *i), key, list);
    return r;
}

static int read_ports(ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key)
{
    Config *config = reader->config;
    uint64_t port;
    int r;

    if (node->type != YAML_SEQUENCE_NODE)
        return config_complain(reader, node, key->path, "must be a list of ports, like [22]");
    config->lists.n_ssh_ports = 0;
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
            i++) {
        if (config->lists.n_ssh_ports == CONFIG_SSH_PORTS_MAX)
            return config_complain(
                    reader, node, key->path, "at most %d ports", CONFIG_SSH_PORTS_MAX);
        r = read_number(reader, yaml_document_get_node(&reader->document, *i), key, &port);
        if (r < 0)
            return r;
        config->lists.ssh_ports[config->lists.n_ssh_ports++] = (uint16_t)port;
    }
    return 0;
}

int config_read_value(ConfigReader *reader, const yaml_node_t *node, const ConfigKey *key)
{
    void *field = (char *)reader->config + key->offset;
    uint64_t number;
    int r;

    switch (key->type) {
    case KEY_UINT16:
    case KEY_UINT32:
        r = read_number(reader, node, key, &number);
        if (r >= 0 && key->type == KEY_UINT16)
            *(uint16_t *)field = (uint16_t)number;
        else if (r >= 0)
            *(uint32_t *)field = (uint32_t)number;
        return r;
    case KEY_BOOL:
        return read_bool(reader, node, key, field);
    case KEY_STRING:
    case KEY_TIMEZONE:
    case KEY_PATH:
        return read_string(reader, node, key, field);
    case KEY_STRINGS:
    case KEY_ADDRESSES:
        return read_strings(reader, node, key, field);
    case KEY_PORTS:
        return read_ports(reader, node, key);
    }
    return -EINVAL;
}
