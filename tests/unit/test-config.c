/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

static Config *good(const char *text)
{
    ConfigError error = {};
    Config *config = NULL;

    cr_assert_eq(
            config_parse("c.yaml", text, strlen(text), &config, &error), 0, "%s", error.message);
    return config;
}

/* Refused, with a message that contains each of the two texts; the output stays untouched. */
static void bad(const char *text, const char *where, const char *what)
{
    ConfigError error = {};
    Config *config = (Config *)0x1;

    cr_assert_lt(
            config_parse("c.yaml", text, strlen(text), &config, &error), 0, "accepted: %s", text);
    cr_assert_eq(config, (Config *)0x1);
    cr_assert(strstr(error.message, where), "%s lacks %s", error.message, where);
    cr_assert(strstr(error.message, what), "%s lacks %s", error.message, what);
}

Test(config, empty_is_the_defaults)
{
    _cleanup_(config_freep) Config *config = good("");

    cr_assert_eq(config->server.port, 8086);
    cr_assert_eq(config->lists.capacity, 65536);
    cr_assert_eq(config->lists.ssh_ports[0], 22);
    cr_assert_str_eq(config->network.interfaces.items[0], "auto");
    cr_assert_str_eq(config->persistence.path, "./data/lists.json");
}

/* config.yaml shows every key with its default: reading it must change nothing. */
Test(config, the_shipped_file_is_the_defaults)
{
    _cleanup_(config_freep) Config *shipped = NULL, *defaults = config_new_default();
    ConfigError error = {};

    cr_assert_eq(
            config_load(NTC_SOURCE_DIR "/config.yaml", &shipped, &error), 0, "%s", error.message);
    cr_assert_eq(memcmp(&shipped->flows, &defaults->flows, sizeof(shipped->flows)), 0);
    cr_assert_eq(memcmp(&shipped->lists, &defaults->lists, sizeof(shipped->lists)), 0);
    cr_assert_eq(memcmp(&shipped->events, &defaults->events, sizeof(shipped->events)), 0);
    cr_assert_eq(memcmp(&shipped->mock, &defaults->mock, sizeof(shipped->mock)), 0);
    cr_assert_eq(shipped->server.connections_max, defaults->server.connections_max);
    cr_assert_eq(shipped->server.body_max_bytes, defaults->server.body_max_bytes);
    cr_assert_eq(shipped->stats.top, defaults->stats.top);
}

Test(config, values_are_taken)
{
    _cleanup_(config_freep) Config *config =
            good("server:\n  port: 9000\n  listen: ['::1', 127.0.0.1]\n"
                 "network:\n  interfaces: [eth0, 'wlan*']\n"
                 "lists:\n  ssh_ports: [22, 2222]\nflows:\n");

    cr_assert_eq(config->server.port, 9000);
    cr_assert_eq(config->server.listen.count, 2);
    cr_assert_str_eq(config->network.interfaces.items[1], "wlan*");
    cr_assert_eq(config->lists.n_ssh_ports, 2);
    cr_assert_eq(config->lists.ssh_ports[1], 2222);
}

Test(config, timezone_at_top_level)
{
    _cleanup_(config_freep) Config *config = good("timezone: UTC\n");

    cr_assert_str_eq(config->server.timezone, "UTC");
}

Test(config, complaints_name_line_key_and_remedy)
{
    bad("server:\n  prot: 1\n", "c.yaml:2: server.prot", "did you mean server.port?");
    bad("server:\n  port: 65536\n", "c.yaml:2: server.port", "0 to 65535");
    bad("server:\n  port: -1\n", "c.yaml:2", "whole number");
    bad("\n\nlists:\n  capacity: 1000\n", "c.yaml:4: lists.capacity", "1024");
    bad("port: 1\n", "c.yaml:1: port", "did you mean server.port?");
    bad("server:\n  port: 1\n  port: 2\n", "c.yaml:3: server.port", "twice");
    bad("server: 7\n", "c.yaml:1: server", "keys");
    bad("server: [\n", "c.yaml:", "not valid YAML");
    bad("network:\n  interfaces: eth0\n", "network.interfaces", "list");
    bad("server:\n  listen: [localhost]\n", "server.listen", "not an IP address");
    bad("server:\n  timezone: Nowhere/City\n", "server.timezone", "no such time zone");
    bad("server:\n  timezone: ../../etc/passwd\n", "server.timezone", "no such time zone");
    bad("persistence:\n  path: ''\n", "persistence.path", "empty");
    bad("- a\n- b\n", "c.yaml:1", "keys");
    bad("qwertyuiopasdf: 1\n", "qwertyuiopasdf", "unknown key");
}

Test(config, absent_file)
{
    ConfigError error = {};
    Config *config = NULL;

    cr_assert_eq(config_load("/nonexistent/c.yaml", &config, &error), -ENOENT);
    cr_assert(strstr(error.message, "/nonexistent/c.yaml"));
}

Test(config, nothing_is_passed_over)
{
    bad("timezone: UTC\nserver:\n  timezone: UTC\n", "c.yaml:3: server.timezone", "twice");
    bad("server:\n  port: 1\nserver:\n  port: 2\n", "c.yaml:4: server.port", "twice");
    bad("server:\n  port: 1\n---\nserver:\n  prot: 2\n", "c.yaml:4", "second YAML document");
    bad("servr:\n  port: 1\n", "c.yaml:1: servr", "did you mean server?");
    bad("server:\n  port:\n", "c.yaml:2: server.port", "whole number");
    bad("server:\n  port: 0x10\n", "c.yaml:2: server.port", "whole number");
    bad("server: &a\n  server: *a\n", "c.yaml:2: server.server", "unknown key");
    bad("lists:\n  ssh_ports: [22, 0]\n", "c.yaml:2: lists.ssh_ports", "1 to 65535");
    bad("? [a]\n: 1\n", "c.yaml:1", "text");
    bad("# one\n\n\xff: 1\n", "c.yaml:3", "not valid YAML");
    bad("\"a\\e[2J\": 1\n", "c.yaml:1", "text");
}

Test(config, timezone_is_one)
{
    _cleanup_(config_freep) Config *config = good("timezone:\n");

    cr_assert_str_eq(config->server.timezone, "");
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) < 0)
        return;
    config_free(config);
    config = good("server:\n  timezone: Europe/Berlin\n");
    bad("timezone: Europe\n", "c.yaml:1: timezone", "no such time zone");
    bad("timezone: tzdata.zi\n", "c.yaml:1: timezone", "no such time zone");
    bad("timezone: /etc/localtime\n", "c.yaml:1: timezone", "no such time zone");
}

Test(config, comments_and_empty_sections_are_the_defaults)
{
    static const char *const texts[] = {"# nothing\n", "server:\nflows:\n  # port: 1\n", "---\n",
            "server: {}\n", "server: {port: 8086}\n...\n"};

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_(config_freep) Config *config = good(texts[i]);

        cr_assert_eq(config->server.port, 8086);
    }
}

/* Each is read, or refused with a message. */
Test(config, every_cut_of_a_file)
{
    static const char text[] = "server:\n  port: 1\n  listen: ['::1', \"127.0.0.1\"]\n"
                               "network: &n {interfaces: [eth0, 'w*']}\ntimezone: UTC # x\n";

    for (size_t size = 0; size < strlen(text); size++) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *copy = malloc(size + 1);
        ConfigError error = {};

        memcpy(copy, text, size);
        if (config_parse("c.yaml", copy, size, &config, &error) < 0)
            cr_assert(error.message[0], "%zu", size);
    }
}

Test(config, what_is_no_file)
{
    ConfigError error = {};
    Config *config = NULL;

    cr_assert_lt(config_load("/", &config, &error), 0);
    cr_assert_eq(config_load("/dev/null", &config, &error), -EINVAL);
    cr_assert(strstr(error.message, "/dev/null: is no file"), "%s", error.message);
    cr_assert_null(config);
    cr_assert_neq(error.message[0], '\0');
}

/* A pipe that nobody writes to isn't waited for. */
Test(config, pipe_is_no_file, .timeout = 10)
{
    char folder[] = "/tmp/ntc-config-XXXXXX", path[64];
    ConfigError error = {};
    Config *config = NULL;

    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(config_load(path, &config, &error), -EINVAL);
    unlink(path);
    rmdir(folder);
}

/* What is said ends up in the journal and on the bus, which take nothing but text. */
Test(config, long_names_are_cut_between_characters)
{
    static const char *const texts[] = {"lists: [\n", "nonsense: 1\n", "server:\n  port: x\n"};
    char name[512] = "";

    for (int i = 0; i < 200; i++)
        strcat(name, "\xc3\xa4");
    for (int odd = 0; odd < 2; odd++) {
        Config *config = NULL;
        ConfigError error = {};

        name[0] = odd ? 'x' : '\xc3';
        if (odd)
            memmove(name + 1, name + 2, strlen(name + 2) + 1);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
            cr_assert_lt(config_parse(name, texts[i], strlen(texts[i]), &config, &error), 0);
            cr_assert(text_is_printable(error.message), "%s", error.message);
        }
        cr_assert_lt(config_load(name, &config, &error), 0);
        cr_assert(text_is_printable(error.message), "%s", error.message);
    }
}

Test(config, string_list_is_bounded)
{
    StringList list = {};

    for (int i = 0; i < CONFIG_STRINGS_MAX; i++)
        cr_assert_eq(string_list_add(&list, "x"), 0);
    cr_assert_eq(string_list_add(&list, "x"), -E2BIG);
    string_list_clear(&list);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(string_list_add(&list, "y"), 0);
    string_list_clear(&list);
}
