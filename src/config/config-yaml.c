/* SPDX-License-Identifier: MIT */
/* YAML to Config. libyaml's document API gives every node its line; the table in keys.c says what
 * each key is. A document is a mapping of sections, a section a mapping of keys; anything else is
 * refused. */

#include "config/keys.h"

#include "base/address.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#define CONFIG_FILE_MAX_BYTES (1U << 20)
#define SHOWN_BYTES           60 /* of what somebody wrote */

typedef struct Reader {
    const char *name;
    yaml_document_t document;
    Config *config;
    ConfigError *error;
    bool seen[sizeof(Config)]; /* by offset of the field: two keys may mean the same one */
} Reader;

/* Fills the complaint and returns -EINVAL. `key` may be NULL. */
_printf_(4, 5) static int complain(
        Reader *reader, const yaml_node_t *node, const char *key, const char *format, ...)
{
    char what[320];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (!key)
        key = "";
    snprintf(reader->error->message, sizeof(reader->error->message), "%.120s:%zu: %.*s%s%s",
            reader->name, node ? node->start_mark.line + 1 : 1, text_fit(key, SHOWN_BYTES), key,
            key[0] ? ": " : "", what);
    return -EINVAL;
}

/* The text of a scalar without NUL; NULL for anything else. */
static const char *scalar(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE ||
            strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return NULL;
    return (const char *)node->data.scalar.value;
}

static int read_number(Reader *reader, const yaml_node_t *node, const ConfigKey *key,
        const char *name, uint64_t *ret)
{
    const char *text = scalar(node);

    if (!text || parse_uint64(text, key->min, key->max, ret) < 0)
        return complain(
                reader, node, name, "must be a whole number from %u to %u", key->min, key->max);
    return 0;
}

/* Without a database there is nothing to hold the name against. With one, the file must begin as
 * tzfile(5) says: Europe is a folder, and zone.tab is no zone. */
static int read_bool(Reader *reader, const yaml_node_t *node, const ConfigKey *key, bool *ret)
{
    const char *text = scalar(node);

    if (!text || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
        return complain(reader, node, key->path, "must be true or false");
    *ret = text[0] == 't';
    return 0;
}

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

static int read_string(Reader *reader, const yaml_node_t *node, const ConfigKey *key, char **field)
{
    const char *text = scalar(node);
    char *copy;

    if (!text || !text_is_printable(text))
        return complain(reader, node, key->path, "must be a text");
    if (key->type == KEY_TIMEZONE && !timezone_exists(text))
        return complain(reader, node, key->path,
                "no such time zone: %.*s (an IANA name like Europe/Berlin; `timedatectl list-timezones`)",
                text_fit(text, SHOWN_BYTES), text);
    if (key->type == KEY_PATH && !text[0])
        return complain(reader, node, key->path, "must not be empty");
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static int add_item(Reader *reader, const yaml_node_t *node, const ConfigKey *key, StringList *list)
{
    const char *text = scalar(node);
    Address address;
    int r;

    if (!text || !text[0] || !text_is_printable(text))
        return complain(reader, node, key->path, "each item must be a text");
    if (key->type == KEY_ADDRESSES && address_parse(text, &address) < 0)
        return complain(reader, node, key->path, "not an IP address: %.*s",
                text_fit(text, SHOWN_BYTES), text);
    r = string_list_add(list, text);
    if (r == -E2BIG)
        return complain(reader, node, key->path, "at most %d items", CONFIG_STRINGS_MAX);
    return r;
}

static int read_strings(
        Reader *reader, const yaml_node_t *node, const ConfigKey *key, StringList *list)
{
    int r = 0;

    if (node->type != YAML_SEQUENCE_NODE)
        return complain(reader, node, key->path, "must be a list, like [a, b]");
    string_list_clear(list);
    for (yaml_node_item_t *i = node->data.sequence.items.start;
            r >= 0 && i < node->data.sequence.items.top; i++)
        r = add_item(reader, yaml_document_get_node(&reader->document, *i), key, list);
    return r;
}

static int read_ports(Reader *reader, const yaml_node_t *node, const ConfigKey *key)
{
    Config *config = reader->config;
    uint64_t port;
    int r;

    if (node->type != YAML_SEQUENCE_NODE)
        return complain(reader, node, key->path, "must be a list of ports, like [22]");
    config->lists.n_ssh_ports = 0;
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
            i++) {
        if (config->lists.n_ssh_ports == CONFIG_SSH_PORTS_MAX)
            return complain(reader, node, key->path, "at most %d ports", CONFIG_SSH_PORTS_MAX);
        r = read_number(
                reader, yaml_document_get_node(&reader->document, *i), key, key->path, &port);
        if (r < 0)
            return r;
        config->lists.ssh_ports[config->lists.n_ssh_ports++] = (uint16_t)port;
    }
    return 0;
}

static int read_value(Reader *reader, const yaml_node_t *node, const ConfigKey *key)
{
    void *field = (char *)reader->config + key->offset;
    uint64_t number;
    int r;

    switch (key->type) {
    case KEY_UINT16:
    case KEY_UINT32:
        r = read_number(reader, node, key, key->path, &number);
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

static int unknown_key(Reader *reader, const yaml_node_t *node, const char *path)
{
    const char *nearest = config_key_nearest(path);

    if (!nearest)
        return complain(reader, node, path, "unknown key; config.yaml lists all");
    return complain(reader, node, path, "unknown key, did you mean %s?", nearest);
}

static int read_mapping(Reader *reader, const yaml_node_t *mapping, const char *section);

static int read_pair(Reader *reader, const yaml_node_pair_t *pair, const char *section)
{
    const yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
    const ConfigKey *key;
    char path[128];

    if (!scalar(name) || !text_is_printable(scalar(name)))
        return complain(reader, name, NULL, "a key must be a text");
    snprintf(path, sizeof(path), "%s%s%.*s", section, section[0] ? "." : "",
            text_fit(scalar(name), SHOWN_BYTES), scalar(name));
    if (!section[0] && config_section_exists(path))
        return read_mapping(reader, value, path);
    key = config_key_find(path);
    if (!key)
        return unknown_key(reader, name, path);
    if (reader->seen[key->offset])
        return complain(reader, name, path, "given twice; keep one");
    reader->seen[key->offset] = true;
    return read_value(reader, value, key);
}

/* A section may be left empty: all its keys commented out. */
static int read_mapping(Reader *reader, const yaml_node_t *mapping, const char *section)
{
    int r = 0;

    if (scalar(mapping) && !scalar(mapping)[0])
        return 0;
    if (mapping->type != YAML_MAPPING_NODE)
        return complain(reader, mapping, section[0] ? section : NULL,
                "must hold keys, one a line: `key: value`");
    for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
            r >= 0 && p < mapping->data.mapping.pairs.top; p++)
        r = read_pair(reader, p, section);
    return r;
}

/* Of bytes that are no text libyaml tells only the offset. */
static size_t line_of_problem(const yaml_parser_t *parser, const char *text, size_t size)
{
    size_t line = 1;

    if (parser->error != YAML_READER_ERROR)
        return parser->problem_mark.line + 1;
    for (size_t i = 0; i < size && i < parser->problem_offset; i++)
        line += text[i] == '\n';
    return line;
}

static int syntax_error(Reader *reader, const yaml_parser_t *parser, const char *text, size_t size)
{
    snprintf(reader->error->message, sizeof(reader->error->message),
            "%.120s:%zu: not valid YAML: %.200s", reader->name, line_of_problem(parser, text, size),
            parser->problem ? parser->problem : "unreadable");
    return parser->error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}

static int read_root(Reader *reader)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

    return root ? read_mapping(reader, root, "") : 0;
}

/* What stands behind a "---" would be lost without a word. */
static int refuse_document(Reader *reader)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

    return root ? complain(reader, root, NULL,
                          "a second YAML document; remove the `---` in front of it")
                : 0;
}

static int read_documents(Reader *reader, yaml_parser_t *parser, const char *text, size_t size)
{
    int (*const steps[])(Reader *) = {read_root, refuse_document};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++) {
        if (!yaml_parser_load(parser, &reader->document))
            return syntax_error(reader, parser, text, size);
        r = steps[i](reader);
        yaml_document_delete(&reader->document);
    }
    return r;
}

static int read_text(Reader *reader, const char *text, size_t size)
{
    yaml_parser_t parser;
    int r;

    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    r = read_documents(reader, &parser, text, size);
    yaml_parser_delete(&parser);
    return r;
}

int config_parse(const char *name, const char *text, size_t size, Config **ret, ConfigError *error)
{
    _cleanup_(config_freep) Config *config = config_new_default();
    Reader reader = {.name = name, .config = config, .error = error};
    int r;

    if (!config)
        return -ENOMEM;
    r = read_text(&reader, text, size);
    if (r == -ENOMEM)
        snprintf(error->message, sizeof(error->message), "%.120s: out of memory", name);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(config);
    return 0;
}

int config_load(const char *path, Config **ret, ConfigError *error)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    _cleanup_free_ char *text = malloc(CONFIG_FILE_MAX_BYTES + 1);
    size_t size;
    int r;

    if (!text)
        return -ENOMEM;
    if (!file) {
        r = -errno;
        snprintf(error->message, sizeof(error->message), "%.200s: can't be read: %s", path,
                strerror(-r));
        return r;
    }
    size = fread(text, 1, CONFIG_FILE_MAX_BYTES + 1, file);
    if (ferror(file) || size > CONFIG_FILE_MAX_BYTES) {
        snprintf(error->message, sizeof(error->message), "%.200s: %s", path,
                ferror(file) ? "can't be read (is it a file?)" : "larger than 1 MiB");
        return -EINVAL;
    }
    return config_parse(path, text, size, ret, error);
}
