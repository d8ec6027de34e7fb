/* SPDX-License-Identifier: MIT */
/* status, flows, flush, reload. */

#include "ctl/ctl.h"

#include <inttypes.h>
#include <string.h>

/* --- status */

typedef struct Status {
    json_object *manager;   /* properties */
    json_object *blacklist; /* properties */
    json_object *whitelist;
    json_object *counters; /* GetStatus */
} Status;

static void status_done(Status *status)
{
    json_object_put(status->manager);
    json_object_put(status->blacklist);
    json_object_put(status->whitelist);
    json_object_put(status->counters);
}

static int read_status(Ctl *ctl, Status *status)
{
    _cleanup_json_ json_object *reply = NULL;
    int r = ctl_properties(ctl, MANAGER, &status->manager);

    if (r >= 0)
        r = ctl_properties(ctl, BLACKLIST, &status->blacklist);
    if (r >= 0)
        r = ctl_properties(ctl, WHITELIST, &status->whitelist);
    if (r >= 0)
        r = ctl_call(ctl, false, MANAGER, "GetStatus", &reply, NULL);
    if (r >= 0)
        status->counters = json_object_get(json_object_array_get_idx(reply, 0));
    return r;
}

static const char *text(json_object *object, const char *key, ColumnKind kind)
{
    static char buffers[8][256];
    static unsigned next;
    char *buffer = buffers[next++ % ELEMENTSOF(buffers)];

    return format_value(kind, json_object_object_get(object, key), buffer, sizeof(buffers[0]));
}

static void print_interfaces(json_object *manager)
{
    json_object *names = json_object_object_get(manager, "Interfaces");
    size_t n = names ? json_object_array_length(names) : 0;
    char name[64];

    printf("   Watching: ");
    for (size_t i = 0; i < n; i++)
        printf("%s%s", i > 0 ? ", " : "",
                format_value(COLUMN_TEXT, json_object_array_get_idx(names, i), name, sizeof(name)));
    puts(n > 0 ? "" : "nothing yet (network.interfaces)");
}

static void print_age(uint64_t sec)
{
    if (sec >= 86400)
        printf("%" PRIu64 "d %" PRIu64 "h", sec / 86400, sec % 86400 / 3600);
    else if (sec >= 3600)
        printf("%" PRIu64 "h %" PRIu64 "min", sec / 3600, sec % 3600 / 60);
    else if (sec >= 60)
        printf("%" PRIu64 "min %" PRIu64 "s", sec / 60, sec % 60);
    else
        printf("%" PRIu64 "s", sec);
}

/* Only what was lost: all zeros are one word. */
static void print_losses(json_object *losses)
{
    size_t told = 0;

    printf("     Losses: ");
    json_object_object_foreach(losses, name, value)
    {
        if (json_object_get_int64(value) == 0)
            continue;
        printf("%s%s%s %s%s", told++ > 0 ? ", " : "", COLOUR_RED, text(losses, name, COLUMN_NUMBER),
                name, COLOUR_NONE);
    }
    puts(told > 0 ? "" : "none");
}

static void print_status(const Status *s)
{
    bool mock = strcmp(text(s->manager, "Mode", COLUMN_TEXT), "mock") == 0;

    printf("%sntc %s%s - %s\n", COLOUR_BOLD, text(s->manager, "Version", COLUMN_TEXT), COLOUR_NONE,
            mock ? "synthetic traffic (--mock)" : "network traffic control");
    printf("      Since: %s (", text(s->counters, "started", COLUMN_TIME));
    print_age((uint64_t)json_object_get_int64(json_object_object_get(s->counters, "uptime_sec")));
    puts(" ago)");
    print_interfaces(s->manager);
    printf("    Traffic: %s packets/s, %s/s\n", text(s->manager, "PacketsPerSecond", COLUMN_RATE),
            text(s->manager, "BytesPerSecond", COLUMN_BYTES));
    printf("     Judged: %s packets, %s%s dropped%s, %s skipped, %s SSH\n",
            text(s->counters, "packets", COLUMN_NUMBER), colour_of_action("DROP"),
            text(s->counters, "dropped_packets", COLUMN_NUMBER), COLOUR_NONE,
            text(s->counters, "skipped_packets", COLUMN_NUMBER),
            text(s->counters, "ssh_packets", COLUMN_NUMBER));
    printf("      Flows: %s of %s\n", text(s->manager, "ActiveFlows", COLUMN_NUMBER),
            text(s->counters, "flows_capacity", COLUMN_NUMBER));
    printf("  Addresses: %s of %s\n", text(s->manager, "ActiveAddresses", COLUMN_NUMBER),
            text(s->counters, "addresses_capacity", COLUMN_NUMBER));
    printf("  Blacklist: %s of %s\n", text(s->blacklist, "Count", COLUMN_NUMBER),
            text(s->blacklist, "Capacity", COLUMN_NUMBER));
    printf("  Whitelist: %s of %s\n", text(s->whitelist, "Count", COLUMN_NUMBER),
            text(s->whitelist, "Capacity", COLUMN_NUMBER));
    print_losses(json_object_object_get(s->counters, "losses"));
}

static int print_status_json(Ctl *ctl, const Status *s)
{
    _cleanup_json_ json_object *object = json_object_new_object();

    if (!object || json_add_object(object, "manager", json_object_get(s->manager)) < 0 ||
            json_add_object(object, "counters", json_object_get(s->counters)) < 0 ||
            json_add_object(object, "blacklist", json_object_get(s->blacklist)) < 0 ||
            json_add_object(object, "whitelist", json_object_get(s->whitelist)) < 0)
        return ctl_fail(ctl, CTL_FAILED, "out of memory");
    json_print(object);
    return 0;
}

int verb_status(Ctl *ctl)
{
    _cleanup_(status_done) Status status = {};
    int r = read_status(ctl, &status);

    if (r < 0)
        return r;
    if (ctl->json)
        return print_status_json(ctl, &status);
    print_status(&status);
    return 0;
}

/* --- flows */

static const Column flow_columns[] = {
        {"SOURCE", "src", COLUMN_RIGHT},
        {"PORT", "sport", COLUMN_RIGHT},
        {"DESTINATION", "dst", COLUMN_RIGHT},
        {"PORT", "dport", COLUMN_RIGHT},
        {"PROTO", "proto", COLUMN_TEXT},
        {"ACTION", "action", COLUMN_ACTION},
        {"DIRECTION", "direction", COLUMN_TEXT, 1},
        {"PACKETS", "packets", COLUMN_NUMBER},
        {"BYTES", "bytes", COLUMN_BYTES},
        {"BYTES/S", "bytes_per_second", COLUMN_BYTES, 2},
        {"FLAGS", "flags", COLUMN_TEXT, 3},
        {"INTERFACE", "interface", COLUMN_TEXT, 4},
        {},
};

int verb_flows(Ctl *ctl)
{
    _cleanup_json_ json_object *reply = NULL;
    json_object *rows;
    size_t n;
    int r = ctl_call(ctl, false, MANAGER, "GetFlows", &reply, "u",
            (uint32_t)(ctl->limit ? ctl->limit : 1000));

    if (r < 0)
        return r;
    rows = json_object_array_get_idx(reply, 0);
    n = json_object_array_length(rows);
    pager_open(ctl);
    if (ctl->json)
        json_print(rows);
    else if (table_print(ctl, rows, flow_columns, 0) < 0)
        return ctl_fail(ctl, CTL_FAILED, "could not print the table");
    else if (!ctl->no_legend)
        printf("\n%zu %s.\n", n, n == 1 ? "flow" : "flows");
    return 0;
}

/* --- orders */

int verb_flush(Ctl *ctl)
{
    _cleanup_json_ json_object *reply = NULL;
    int r = ctl_call(ctl, true, MANAGER, "FlushFlows", &reply, NULL);
    uint64_t n;

    if (r < 0)
        return r;
    n = (uint64_t)json_object_get_int64(json_object_array_get_idx(reply, 0));
    if (ctl->json)
        printf("{\"flushed\":%" PRIu64 "}\n", n);
    else
        printf("Ended %" PRIu64 " %s.\n", n, n == 1 ? "flow" : "flows");
    return 0;
}

int verb_reload(Ctl *ctl)
{
    int r = ctl_call(ctl, true, MANAGER, "Reload", NULL, NULL);

    if (r >= 0)
        puts(ctl->json ? "{\"ok\":true}" : "The configuration was read again.");
    return r;
}
