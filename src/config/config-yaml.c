/* SPDX-License-Identifier: MIT */
/* YAML to Config. libyaml's document API gives every node its line; the table in keys.c says what
 * each key is. A document is a mapping of sections, a section a mapping of keys; anything else is
 * refused. */

#include "config/config-reader.h"

#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_FILE_MAX_BYTES (1U << 20)

static int unknown_key(ConfigReader *reader, const yaml_node_t *node, const char *path)
{
    const char *nearest = config_key_nearest(path);

    if (!nearest)
        return config_complain(reader, node, path, "unknown key; config.yaml lists all");
    return config_complain(reader, node, path, "unknown key, did you mean %s?", nearest);
}

static int read_mapping(ConfigReader *reader, const yaml_node_t *mapping, const char *section);

static int read_pair(ConfigReader *reader, const yaml_node_pair_t *pair, const char *section)
{
    const yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
    const ConfigKey *key;
    char path[128];

    if (!config_scalar(name) || !text_is_printable(config_scalar(name)))
        return config_complain(reader, name, NULL, "a key must be a text");
    snprintf(path, sizeof(path), "%s%s%.*s", section, section[0] ? "." : "",
            text_fit(config_scalar(name), CONFIG_SHOWN_BYTES), config_scalar(name));
    if (!section[0] && config_section_exists(path))
        return read_mapping(reader, value, path);
    key = config_key_find(path);
    if (!key)
        return unknown_key(reader, name, path);
    if (reader->seen[key->offset])
        return config_complain(reader, name, path, "given twice; keep one");
    reader->seen[key->offset] = true;
    return config_read_value(reader, value, key);
}

/* A section may be left empty: all its keys commented out. */
static int read_mapping(ConfigReader *reader, const yaml_node_t *mapping, const char *section)
{
    int r = 0;

    if (config_scalar(mapping) && !config_scalar(mapping)[0])
        return 0;
    if (mapping->type != YAML_MAPPING_NODE)
        return config_complain(reader, mapping, section[0] ? section : NULL,
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

static int syntax_error(
        ConfigReader *reader, const yaml_parser_t *parser, const char *text, size_t size)
{
    snprintf(reader->error->message, sizeof(reader->error->message),
            "%.*s:%zu: not valid YAML: %.200s", text_fit(reader->name, CONFIG_NAME_BYTES),
            reader->name, line_of_problem(parser, text, size),
            parser->problem ? parser->problem : "unreadable");
    return parser->error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}

static int read_root(ConfigReader *reader)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

    return root ? read_mapping(reader, root, "") : 0;
}

/* What stands behind a "---" would be lost without a word. */
static int refuse_document(ConfigReader *reader)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

    return root ? config_complain(reader, root, NULL,
                          "a second YAML document; remove the `---` in front of it")
                : 0;
}

static int read_documents(
        ConfigReader *reader, yaml_parser_t *parser, const char *text, size_t size)
{
    int (*const steps[])(ConfigReader *) = {read_root, refuse_document};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++) {
        if (!yaml_parser_load(parser, &reader->document))
            return syntax_error(reader, parser, text, size);
        r = steps[i](reader);
        yaml_document_delete(&reader->document);
    }
    return r;
}

static int read_text(ConfigReader *reader, const char *text, size_t size)
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

static int out_of_memory(const char *name, ConfigError *error)
{
    snprintf(error->message, sizeof(error->message), "%.*s: out of memory",
            text_fit(name, CONFIG_NAME_BYTES), name);
    return -ENOMEM;
}

int config_parse(const char *name, const char *text, size_t size, Config **ret, ConfigError *error)
{
    _cleanup_(config_freep) Config *config = config_new_default();
    ConfigReader reader = {.name = name, .config = config, .error = error};
    int r = config ? read_text(&reader, text, size) : -ENOMEM;

    if (r == -ENOMEM)
        return out_of_memory(name, error);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(config);
    return 0;
}

/* Nothing that is waited for, like a pipe: the loop would, at a reload. */
static int open_file(const char *path, FILE **ret)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    *ret = fdopen(fd, "r");
    if (!*ret)
        return -errno;
    (void)TAKE_FD(fd);
    return 0;
}

int config_load(const char *path, Config **ret, ConfigError *error)
{
    _cleanup_fclose_ FILE *file = NULL;
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r = open_file(path, &file);

    if (r == -EINVAL) {
        snprintf(error->message, sizeof(error->message), "%.*s: is no file",
                text_fit(path, CONFIG_NAME_BYTES), path);
        return r;
    }
    if (r < 0) {
        snprintf(error->message, sizeof(error->message), "%.*s: can't be read: %s",
                text_fit(path, CONFIG_NAME_BYTES), path, strerror(-r));
        return r;
    }
    text = malloc(CONFIG_FILE_MAX_BYTES + 1);
    if (!text)
        return out_of_memory(path, error);
    size = fread(text, 1, CONFIG_FILE_MAX_BYTES + 1, file);
    if (ferror(file) || size > CONFIG_FILE_MAX_BYTES) {
        snprintf(error->message, sizeof(error->message), "%.*s: %s",
                text_fit(path, CONFIG_NAME_BYTES), path,
                ferror(file) ? "can't be read" : "larger than 1 MiB");
        return -EINVAL;
    }
    return config_parse(path, text, size, ret, error);
}
