/* SPDX-License-Identifier: MIT */
/* config.yaml. What is refused is told in one printable line that names the file; what is accepted
 * is within the bounds of the table of keys. */

#include "fuzz.h"

#include "base/text.h"
#include "config/config.h"
#include "config/keys.h"

static void check_number(const Config *config, const ConfigKey *key)
{
    const char *field = (const char *)config + key->offset;
    uint32_t value = key->type == KEY_UINT16 ? *(const uint16_t *)(const void *)field
                                             : *(const uint32_t *)(const void *)field;

    CHECK(value >= key->min && value <= key->max);
}

static void check_bounds(const Config *config)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (config_keys[i].type == KEY_UINT16 || config_keys[i].type == KEY_UINT32)
            check_number(config, &config_keys[i]);
    CHECK(config->server.timezone && config->persistence.path && config->persistence.path[0]);
    CHECK(config->lists.n_ssh_ports <= CONFIG_SSH_PORTS_MAX);
    for (size_t i = 0; i < config->lists.n_ssh_ports; i++)
        CHECK(config->lists.ssh_ports[i] > 0);
    CHECK(config->network.interfaces.count <= CONFIG_STRINGS_MAX);
    for (size_t i = 0; i < config->network.interfaces.count; i++)
        CHECK(config->network.interfaces.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = fuzz_text(data, size);
    _cleanup_(config_freep) Config *config = NULL;
    ConfigError error = {};
    int r = config_parse("input.yaml", text, size, &config, &error);

    if (r == 0) {
        check_bounds(config);
        return 0;
    }
    CHECK(r == -EINVAL && !config);
    CHECK(strncmp(error.message, "input.yaml:", strlen("input.yaml:")) == 0);
    CHECK(text_is_printable(error.message));
    return 0;
}
