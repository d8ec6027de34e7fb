/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <string.h>

int string_list_add(StringList *list, const char *item)
{
    char *copy;

    if (list->count == CONFIG_STRINGS_MAX)
        return -E2BIG;
    copy = strdup(item);
    if (!copy)
        return -ENOMEM;
    list->items[list->count++] = copy;
    return 0;
}

void string_list_clear(StringList *list)
{
    while (list->count > 0)
        free(list->items[--list->count]);
}

/* The numbers' defaults stand with their ranges in keys.c. */
static int set_defaults(Config *config)
{
    config->server.timezone = strdup("");
    config->server.token_file = strdup("");
    config->persistence.path = strdup("./data/lists.json");
    config->feeds.blacklist_folder = strdup("/etc/ntc/blacklist.d");
    config->feeds.whitelist_folder = strdup("/etc/ntc/whitelist.d");
    config->lists.ssh_ports[0] = 22;
    config->lists.n_ssh_ports = 1;
    config_set_default_numbers(config);
    if (!config->server.timezone || !config->server.token_file || !config->persistence.path ||
            !config->feeds.blacklist_folder || !config->feeds.whitelist_folder)
        return -ENOMEM;
    return string_list_add(&config->network.interfaces, "auto");
}

Config *config_new_default(void)
{
    _cleanup_(config_freep) Config *config = calloc(1, sizeof(*config));

    if (!config || set_defaults(config) < 0)
        return NULL;
    return TAKE_PTR(config);
}

Config *config_free(Config *config)
{
    if (!config)
        return NULL;
    string_list_clear(&config->server.listen);
    string_list_clear(&config->server.allowed_hosts);
    string_list_clear(&config->network.interfaces);
    free(config->server.timezone);
    free(config->server.token_file);
    free(config->persistence.path);
    free(config->feeds.blacklist_folder);
    free(config->feeds.whitelist_folder);
    free(config);
    return NULL;
}
