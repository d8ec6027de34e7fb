/* SPDX-License-Identifier: MIT */
#include "bus/options.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <string.h>

/* `seen` has a bit an option. Each only once: what waits for polkit is then as long as it looks. */
static int read_option(
        sd_bus_message *m, const char *key, Command *command, unsigned *seen, sd_bus_error *error)
{
    int force = 0, r;
    const struct {
        const char *name, *type;
        void *value;
    } options[] = {{"ttl", "t", &command->ttl_sec}, {"comment", "s", &command->comment},
            {"force", "b", &force}, {"confirm", "t", &command->confirm_sec}};

    for (size_t i = 0; i < ELEMENTSOF(options); i++) {
        if (strcmp(key, options[i].name) != 0)
            continue;
        if (sd_bus_message_verify_type(m, 'v', options[i].type) <= 0)
            return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                    "the option %s is of another type: write `%s %s VALUE`", key, key,
                    options[i].type);
        if (*seen & 1U << i)
            return sd_bus_error_setf(
                    error, SD_BUS_ERROR_INVALID_ARGS, "the option %s is given twice", key);
        *seen |= 1U << i;
        r = sd_bus_message_read(m, "v", options[i].type, options[i].value);
        if (r >= 0 && options[i].value == &force)
            command->force = force;
        return r;
    }
    return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
            "unknown option '%.*s'; known are ttl, comment, force, confirm", text_fit(key, 40),
            key);
}

int options_read(sd_bus_message *m, Command *command, sd_bus_error *error)
{
    unsigned seen = 0;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const char *key;

        r = sd_bus_message_read(m, "s", &key);
        if (r >= 0)
            r = read_option(m, key, command, &seen, error);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}
