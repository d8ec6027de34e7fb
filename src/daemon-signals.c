/* SPDX-License-Identifier: MIT */
#include "daemon-internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static void follow_configuration(Daemon *d)
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

/* All of it or nothing. */
static int take_config(Daemon *d, const Config *config, ConfigError *error)
{
    ConfigError ignored;
    int r = http_server_reload(d->http, config, error);

    if (r < 0)
        return r;
    r = control_reload(d->control, config, error);
    if (r < 0)
        (void)http_server_reload(d->http, d->config, &ignored);
    return r;
}

int on_reload(ConfigError *error, void *userdata)
{
    Daemon *d = userdata;
    _cleanup_(config_freep) Config *config = NULL;
    int r;

    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
            (unsigned long long)(clock_monotonic_ns() / NSEC_PER_USEC));
    r = daemon_load_config(d->options, &config, error);
    if (r >= 0)
        r = take_config(d, config, error);
    if (r < 0) {
        report_simple(d->report, JOURNAL_RELOAD_REFUSED, LOG_ERR,
                "Configuration refused, the old one stays: %s", error->message);
    } else {
        if (memcmp(&config->detect, &d->config->detect, sizeof(config->detect)) != 0)
            detect_reload(d->detect, &config->detect);
        config_free(d->config);
        d->config = TAKE_PTR(config);
        on_watchers(d->watchers, d);
        follow_configuration(d);
        report_simple(d->report, JOURNAL_RELOADED, LOG_INFO, "Configuration reloaded");
    }
    sd_notify(0, "READY=1");
    return r;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    Daemon *d = userdata;
    ConfigError error = {};

    if (info->ssi_signo == SIGHUP)
        (void)on_reload(&error, d);
    else if (info->ssi_signo == SIGUSR1)
        (void)on_flush(&(Caller){.transport = TRANSPORT_INTERNAL, .uid = UID_NONE}, d);
    else
        sd_event_exit(d->event, 0);
    return 0;
}

int watch_signals(Daemon *d)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigset_t mask;
    int r = 0;

    sigemptyset(&mask);
    for (size_t i = 0; i < ELEMENTSOF(signals); i++)
        sigaddset(&mask, signals[i]);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
        r = sd_event_add_signal(d->event, NULL, signals[i], on_signal, d);
    return r;
}
