/* SPDX-License-Identifier: MIT */
#include "daemon-internal.h"

#include <signal.h>

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
