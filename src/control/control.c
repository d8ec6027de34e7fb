/* SPDX-License-Identifier: MIT */
/* The owner: start, end, reload, views. At start the lists reach the datapath in one step, before
 * anything is attached; at the end the last write is waited for, with a bound. */

#include "base/clock.h"
#include "base/log.h"
#include "control/control-internal.h"
#include "control/state-path.h"

#include <stdlib.h>
#include <string.h>

#define WRITER_END_USEC (2 * USEC_PER_SEC)
/* How old a picture of SSH sessions a command may be judged by. */
#define PROTECTED_MAX_AGE_NS (2 * NSEC_PER_SEC)

static StoreClock system_clock(void)
{
    return (StoreClock){clock_boottime_ns(), clock_wall_ns(), clock_boot_id()};
}

/* --- protected addresses */

/* True if feeds may not cover the same as before. */
static bool report_covered(Control *control)
{
    bool changed = false;
    size_t n, n_protected = 0;
    const ProtectedAddress *items = protected_addresses(control->protected, &n);

    for (size_t i = 0; i < n; i++) {
        const ListEntry *entry;
        char address[ADDRESS_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
        bool for_feeds = items[i].reason != PROTECT_SSH_PEER;

        n_protected += for_feeds;
        if (!items[i].fresh)
            continue;
        changed |= for_feeds;
        entry = list_match(control->lists[LIST_BLACKLIST], &items[i].address);
        if (entry && !entry->from_feed)
            log_warning("The blacklist's %s covers %s, %s; it stays, since it is there already",
                    prefix_format(&entry->prefix, prefix),
                    address_format(&items[i].address, address),
                    protect_reason_name(items[i].reason));
    }
    changed |= n_protected != control->n_protected;
    control->n_protected = n_protected;
    return changed;
}

void control_refresh_protected(Control *control)
{
    int r = protected_refresh(control->protected, control->ssh_ports, control->n_ssh_ports);

    control->protected_asked_ns = control->clock().boottime_ns;
    if (r >= 0 && report_covered(control))
        feeds_sync(control->feeds); /* what they may not cover is other now */
    if (r >= 0)
        return;
    if (r == -EOPNOTSUPP)
        log_debug("The kernel can't be asked for addresses to protect");
    else
        log_warning("Could not find out which addresses to protect: %s; what was known stays",
                strerror(-r));
}

void control_update_protected(Control *control)
{
    uint64_t now_ns = control->clock().boottime_ns;

    if (now_ns - control->protected_asked_ns >= PROTECTED_MAX_AGE_NS)
        control_refresh_protected(control);
}

static void take_ssh_ports(Control *control, const Config *config)
{
    control->n_ssh_ports = config->lists.n_ssh_ports;
    memcpy(control->ssh_ports, config->lists.ssh_ports, sizeof(control->ssh_ports));
}

/* --- start */

static int load(Control *control, StoreReport *report, ConfigError *error)
{
    StoreClock now = control->clock();
    int r = store_load(control->path, control->lists, &now, report);

    if (r >= 0 && report->outcome != STORE_TOO_NEW)
        return 0;
    if (r >= 0) {
        snprintf(error->message, sizeof(error->message),
                "a later version of ntc wrote the state file %s; update ntc, or move the file away",
                control->path);
        return -EPROTONOSUPPORT;
    }
    if (report->reason[0])
        snprintf(error->message, sizeof(error->message), "the state file %s can't be loaded: %s",
                control->path, report->reason);
    else
        snprintf(error->message, sizeof(error->message), "the state file %s can't be read: %s",
                control->path, strerror(-r));
    return r;
}

static int start(Control *control, const Config *config, StoreReport *report, ConfigError *error)
{
    int r = 0;

    for (ListId id = 0; id < _LIST_MAX && r >= 0; id++)
        r = list_new(id, config->lists.capacity, &control->lists[id]);
    if (r >= 0)
        r = protected_new(&control->protected);
    if (r >= 0)
        r = slot_pool_init(&control->slots, control->datapath);
    if (r >= 0)
        r = load(control, report, error);
    if (r < 0)
        return r;
    control_refresh_protected(control);
    r = feeds_new(control, config, &control->feeds);
    if (r < 0)
        return r;
    r = control_reconcile(control, report);
    if (r < 0) {
        snprintf(error->message, sizeof(error->message),
                "could not bring the lists of %s into force: %s", control->path, strerror(-r));
        return r;
    }
    r = worker_new(control->event, "ntc-store", 1, &control->writer);
    if (r >= 0)
        r = expiry_start(control);
    if (r >= 0)
        r = remaining_start(control);
    if (r >= 0)
        r = feeds_start(control->feeds);
    return r;
}

/* What was set aside needs a file in its place. The remaining times count from the last save:
 * without a new one, a machine whose clock always starts in the past would give its entries the
 * same time at each boot. */
static bool must_save_again(const Control *control, const StoreReport *report)
{
    return report->aside[0] || (report->other_boot && remaining_any(control));
}

/* Only once the loop runs: a second ntc that is started by mistake ends before that, and must not
 * have overwritten what the first one saved meanwhile. */
static int on_started(sd_event_source *source, void *userdata)
{
    Control *control = userdata;

    control->running = true;
    persist_kick(control);
    return 0;
}

int control_new(sd_event *event, const Config *config, Datapath *datapath,
        const ControlObserver *observer, Control **ret, StoreReport *ret_report, ConfigError *error)
{
    _cleanup_(control_freep) Control *control = calloc(1, sizeof(*control));
    _cleanup_free_ StoreReport *report = calloc(1, sizeof(*report));
    int r;

    if (!control || !report)
        return -ENOMEM;
    control->event = event;
    control->datapath = datapath;
    control->clock = system_clock;
    if (observer)
        control->observer = *observer;
    take_ssh_ports(control, config);
    r = state_path_find(config, &control->path, error);
    if (r >= 0)
        r = start(control, config, report, error);
    if (r < 0)
        return r;
    control->unsaved = must_save_again(control, report);
    r = sd_event_add_defer(event, &control->first_save, on_started, control);
    if (r < 0)
        return r;
    *ret_report = *report;
    *ret = TAKE_PTR(control);
    return 0;
}

Control *control_free(Control *control)
{
    if (!control)
        return NULL;
    sd_event_source_disable_unref(control->first_save);
    sd_event_source_disable_unref(control->remaining_timer);
    sd_event_source_disable_unref(control->expiry_timer);
    control->feeds = feeds_free(control->feeds);
    if (control->writer) {
        remaining_save_at_stop(control);
        persist_finish(control);
    }
    worker_free_timeout(control->writer, WRITER_END_USEC);
    protected_free(control->protected);
    slot_pool_done(&control->slots);
    for (ListId id = 0; id < _LIST_MAX; id++)
        list_free(control->lists[id]);
    free(control->path);
    free(control);
    return NULL;
}

int control_reload(Control *control, const Config *config, ConfigError *error)
{
    _cleanup_free_ char *path = NULL;
    const char *key = NULL;
    int r = state_path_find(config, &path, error);

    if (r < 0)
        return r;
    if (config->lists.capacity != list_capacity(control->lists[LIST_BLACKLIST]))
        key = "lists.capacity";
    else if (strcmp(path, control->path) != 0)
        key = "persistence.path";
    if (key) {
        snprintf(error->message, sizeof(error->message),
                "%s can't change while ntc runs; restart it", key);
        return -EOPNOTSUPP;
    }
    r = control->datapath->ops->set_ssh_ports(
            control->datapath, config->lists.ssh_ports, config->lists.n_ssh_ports);
    if (r < 0) {
        snprintf(error->message, sizeof(error->message),
                "the kernel refused the new lists.ssh_ports: %s", strerror(-r));
        return r;
    }
    take_ssh_ports(control, config);
    control_refresh_protected(control);
    return feeds_reload(control->feeds, config);
}

/* --- views */

const List *control_list(const Control *control, ListId list)
{
    return control->lists[list];
}

Count control_hits(const Control *control, const ListEntry *entry)
{
    Count count = {};

    (void)control->datapath->ops->read_hits(control->datapath, entry->slot, &count);
    return count;
}

/* Each packet that a list decided was counted under that list's own action as well, also for
 * entries that are long gone: no need to add up slots. */
Count control_list_hits(const Control *control, ListId list)
{
    Counters counters = {};

    if (control->datapath->ops->read_counters(control->datapath, &counters) < 0)
        return (Count){};
    return counters_of_action(&counters, list == LIST_BLACKLIST ? ACTION_DROP : ACTION_SKIP);
}

const Protected *control_protected(const Control *control)
{
    return control->protected;
}

const FeedSet *control_feeds(const Control *control)
{
    return feeds_set(control->feeds);
}

uint64_t control_edits_pending(const Control *control)
{
    return control->n_edits;
}

uint64_t control_storage_failures(const Control *control)
{
    return control->storage_failures;
}
