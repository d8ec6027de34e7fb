/* SPDX-License-Identifier: MIT */
/* All of a new configuration or nothing: whatever may refuse it is asked before anything follows
 * it. What is laid out at the start can't follow; that is said, and nothing else stands in the way
 * of the rest. */

#include "daemon-internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/keys.h"

#include <string.h>
#include <systemd/sd-daemon.h>

static const char *const laid_out_at_the_start[] = {"server.port", "server.listen",
        "server.timezone", "server.header_max_bytes", "network.tcx", "flows.capacity",
        "flows.fragments_capacity", "stats.addresses_max", "events.ring_bytes", "events.buffer",
        "detect.alerts_max", "mock.rate", "mock.seed"};

static void follow_interfaces(Daemon *d)
{
    int r = 0;

    if (!d->links)
        return;
    link_watch_set_patterns(d->links, &d->config->network.interfaces);
    r = link_watch_update(d->links);
    if (r < 0)
        log_warning("Could not look for interfaces: %s", strerror(-r));
    else if (r == 0)
        log_warning("No interface matches network.interfaces; nothing is watched until one does");
}

/* `config` takes the place of the one before, which goes. */
static void follow(Daemon *d, Config *config)
{
    FlowTimeouts timeouts = flow_timeouts(config);

    if (memcmp(&config->detect, &d->config->detect, sizeof(config->detect)) != 0)
        detect_reload(d->detect, &config->detect);
    flow_table_set_timeouts(d->flows, &timeouts);
    config_free(d->config);
    d->config = config;
    on_watchers(d->watchers, d);
    follow_interfaces(d);
}

/* Control follows, and is turned back if HTTP refuses: it holds nothing of a configuration. */
static int take_config(Daemon *d, const Config *config, ConfigError *error)
{
    ConfigError ignored;
    int r = control_reload(d->control, config, error);

    if (r < 0)
        return r;
    r = http_server_reload(d->http, config, error);
    if (r < 0)
        (void)control_reload(d->control, d->config, &ignored);
    return r;
}

/* ", but ..."; empty if all is in force. */
static void tell_what_waits(const Config *before, const Config *after, TextBuffer *text)
{
    const char *separator = ", but a restart is needed for ";

    for (size_t i = 0; i < ELEMENTSOF(laid_out_at_the_start); i++) {
        const ConfigKey *key = config_key_find(laid_out_at_the_start[i]);

        if (!key || config_key_equal(key, before, after))
            continue;
        text_append(text, separator);
        text_append(text, key->path);
        separator = ", ";
    }
}

int on_reload(ConfigError *error, void *userdata)
{
    Daemon *d = userdata;
    _cleanup_(config_freep) Config *config = NULL;
    _cleanup_(text_done) TextBuffer waits = {};
    int r;

    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
            (unsigned long long)(clock_monotonic_ns() / NSEC_PER_USEC));
    r = daemon_load_config(d->options, &config, error);
    if (r >= 0)
        r = take_config(d, config, error);
    if (r < 0) {
        report_simple(d->report, JOURNAL_RELOAD_REFUSED, LOG_ERR,
                "Configuration refused, the old one stays: %s",
                error->message[0] ? error->message : strerror(-r));
    } else {
        tell_what_waits(d->config, config, &waits);
        follow(d, TAKE_PTR(config));
        report_simple(d->report, JOURNAL_RELOADED, waits.size ? LOG_WARNING : LOG_INFO,
                "Configuration reloaded%s", waits.data ? waits.data : "");
    }
    sd_notify(0, "READY=1");
    return r;
}
