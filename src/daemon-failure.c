/* SPDX-License-Identifier: MIT */
/* A start that failed. The unit starts ntc again for ever, for giving up would empty the service
 * manager's store, and with it what still judges the packets. A failure that stays (a bad
 * configuration, eBPF refused) must not burn the processor and fill the journal meanwhile: so the
 * process that failed waits before it ends. */

#include "daemon-internal.h"

#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define WAIT_SEC 5

bool daemon_is_service(void)
{
    return getenv("NOTIFY_SOCKET") != NULL;
}

void daemon_failed(const char *reason)
{
    log_error("%s", reason);
    sd_notifyf(0, "STATUS=%s", reason);
}

void tell_failed_start(const Daemon *d, int error, const ConfigError *details)
{
    char reason[sizeof(details->message) + 128];

    snprintf(reason, sizeof(reason), "Could not start: %s%s",
            details->message[0] ? details->message : strerror(-error),
            d->passed.n_kept > 0 ? "; packets are still judged by the lists of the process before"
                                 : "");
    daemon_failed(reason);
}

void daemon_wait_before_retry(void)
{
    struct timespec wait = {.tv_sec = WAIT_SEC};
    sigset_t end;

    if (!daemon_is_service())
        return;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &end, NULL);
    (void)sigtimedwait(&end, NULL, &wait);
}
