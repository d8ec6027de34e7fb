/* SPDX-License-Identifier: MIT */
/* What the daemon is and does, and what it would do with an address. */

#include "bus/bus-internal.h"

#include "base/clock.h"
#include "stats/losses.h"

#define COVERING_MAX 32 /* entries of a list that cover one address: prefixes inside each other */

/* --- GetStatus */

static int append_losses(sd_bus_message *m, const BusContext *context)
{
    LossesElsewhere elsewhere = {
            .journal_entries = context->journal_lost ? context->journal_lost(context->userdata) : 0,
            .storage_failures = control_storage_failures(context->control)};
    Loss losses[LOSSES_MAX];
    size_t n = losses_collect(context->stats, &elsewhere, losses);
    int r = sd_bus_message_open_container(m, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", "losses");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "a{st}");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{st}");
    for (size_t i = 0; i < n && r >= 0; i++)
        r = sd_bus_message_append(m, "{st}", losses[i].name, losses[i].value);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = sd_bus_message_close_container(m);
    return r;
}

static int append_status(sd_bus_message *m, const BusContext *context)
{
    const Counters *counters = stats_counters(context->stats);
    Count total = counters_total(counters);
    uint64_t up_ns = clock_monotonic_ns() - context->started_monotonic_ns;
    char started[TIME_TEXT_MAX];
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    time_format_rfc3339(clock_wall_of_monotonic_ns(context->started_monotonic_ns), started);
    /* clang-format off */
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}",
            "started", "s", started,
            "uptime_sec", "t", up_ns / NSEC_PER_SEC,
            "packets", "t", total.packets,
            "bytes", "t", total.bytes,
            "dropped_packets", "t", counters_of_action(counters, ACTION_DROP).packets,
            "skipped_packets", "t", counters_of_action(counters, ACTION_SKIP).packets,
            "ssh_packets", "t", counters_of_action(counters, ACTION_SSH).packets,
            "flows_capacity", "u", (uint32_t)flow_table_room(context->flows),
            "addresses_capacity", "u", stats_addresses_max(context->stats),
            "http_port", "q", context->http_port ? context->http_port(context->userdata) : 0);
    /* clang-format on */
    if (r >= 0)
        r = append_losses(m, context);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

int method_get_status(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = guard_call(server, m, NULL, NULL, error);

    if (r <= 0)
        return r < 0 ? r : 1;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = append_status(reply, &server->context);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* --- Explain */

/* Of the packets of this address, SSH aside. */
static const char *verdict_of(const Control *control, const Prefix *prefix)
{
    ListEntry *entry;

    if (list_covering(control_list(control, LIST_WHITELIST), prefix, &entry, 1) > 0)
        return action_name(ACTION_SKIP);
    if (list_covering(control_list(control, LIST_BLACKLIST), prefix, &entry, 1) > 0)
        return action_name(ACTION_DROP);
    return action_name(ACTION_PASS);
}

static int append_covering(
        sd_bus_message *m, const Control *control, ListId list, const Prefix *prefix)
{
    ListEntry *entries[COVERING_MAX];
    size_t n = list_covering(control_list(control, list), prefix, entries, COVERING_MAX);
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        char address[PREFIX_TEXT_MAX];

        r = sd_bus_message_open_container(m, 'r', "ssa{sv}");
        if (r >= 0)
            r = sd_bus_message_append(
                    m, "ss", list_name(list), prefix_format(&entries[i]->prefix, address));
        if (r >= 0)
            r = append_entry_options(m, control, entries[i]);
        if (r >= 0)
            r = sd_bus_message_close_container(m);
    }
    return r;
}

static int append_explanation(sd_bus_message *m, const Control *control, const Prefix *prefix)
{
    Address hit;
    ProtectReason reason = protected_check(control_protected(control), prefix, &hit);
    int r = sd_bus_message_append(m, "ss", verdict_of(control, prefix),
            reason == PROTECT_NONE ? "" : protect_reason_name(reason));

    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "(ssa{sv})");
    if (r >= 0)
        r = append_covering(m, control, LIST_WHITELIST, prefix);
    if (r >= 0)
        r = append_covering(m, control, LIST_BLACKLIST, prefix);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

int method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    BusServer *server = userdata;
    _cleanup_message_ sd_bus_message *reply = NULL;
    PrefixError why;
    const char *text;
    Prefix prefix;
    int r = guard_call(server, m, NULL, NULL, error);

    if (r <= 0)
        return r < 0 ? r : 1;
    r = sd_bus_message_read(m, "s", &text);
    if (r < 0)
        return r;
    if (prefix_parse(text, &prefix, &why) < 0)
        return sd_bus_error_setf(
                error, "org.ntc.Error.InvalidAddress", "%s", prefix_error_message(why));
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = append_explanation(reply, server->context.control, &prefix);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
