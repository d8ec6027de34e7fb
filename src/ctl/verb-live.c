/* SPDX-License-Identifier: MIT */
/* events: the live stream, a line a packet. alerts: what was noticed, from the journal. */

#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define ALERTS_DEFAULT 50
#define DEPTH_MAX      8
#define WIDE           112 /* columns of a terminal that has room for all of a packet */

/* --- events */

typedef struct Stream {
    const Ctl *ctl;
    char kind[16];  /* of the message under way: "", gap, alert */
    uint64_t shown; /* for --limit */
} Stream;

static const char *word(json_object *object, const char *key)
{
    static char buffers[12][128];
    static unsigned next;
    char *buffer = buffers[next++ % ELEMENTSOF(buffers)];

    return format_value(
            COLUMN_TEXT, json_object_object_get(object, key), buffer, sizeof(buffers[0]));
}

/* As in a URL: 192.0.2.1:443, [2001:db8::1]:443, and the address alone where there are no ports. */
static void format_end(
        json_object *packet, const char *ip_key, const char *port_key, char *buffer, size_t size)
{
    const char *ip = word(packet, ip_key), *port = word(packet, port_key);
    bool bare = strcmp(port, "0") == 0, brackets = !bare && strchr(ip, ':');

    snprintf(buffer, size, "%s%s%s%s%s", brackets ? "[" : "", ip, brackets ? "]" : "",
            bare ? "" : ":", bare ? "" : port);
}

static void print_packet(json_object *packet)
{
    const char *action = word(packet, "action"), *flags = word(packet, "flags");
    char src[192], dst[192];

    format_end(packet, "src", "sport", src, sizeof(src));
    format_end(packet, "dst", "dport", dst, sizeof(dst));
    if (on_terminal() && terminal_width() < WIDE)
        printf("%.8s %s%-4s%s %-3s %21s > %-21s %-6s %5s B%s%s\n", word(packet, "time"),
                colour_of_action(action), action, COLOUR_NONE,
                strcmp(word(packet, "direction"), "INGRESS") == 0 ? "in" : "out", src, dst,
                word(packet, "proto"), word(packet, "len"), flags[0] ? " " : "", flags);
    else
        printf("%s  %s%-4s%s  %-7s  %28s > %-28s  %-6s %6s B  %s%s%s\n", word(packet, "time"),
                colour_of_action(action), action, COLOUR_NONE, word(packet, "direction"), src, dst,
                word(packet, "proto"), word(packet, "len"), word(packet, "interface"),
                flags[0] ? " " : "", flags);
}

static void print_gap(json_object *gap)
{
    json_object *packets = json_object_object_get(gap, "packets");

    printf("%s... not shown: %s%s\n", COLOUR_DIM,
            packets ? word(gap, "packets") : "an unknown number of packets", COLOUR_NONE);
}

static void print_message(Stream *stream, const char *data)
{
    _cleanup_json_ json_object *object = NULL;

    if (json_parse_strict(data, strlen(data), DEPTH_MAX, &object, NULL) < 0 || !object)
        return;
    if (stream->ctl->json)
        json_print_text(data);
    else if (strcmp(stream->kind, "gap") == 0)
        print_gap(object);
    else if (strcmp(stream->kind, "alert") == 0)
        printf("%s%s: %s%s\n", COLOUR_BOLD, word(object, "kind"), word(object, "message"),
                COLOUR_NONE);
    else
        print_packet(object);
    fflush(stdout);
    stream->shown += stream->kind[0] == '\0';
}

static int on_line(const char *line, void *userdata)
{
    Stream *stream = userdata;

    if (line[0] == '\0')
        stream->kind[0] = '\0';
    else if (strncmp(line, "event: ", 7) == 0)
        snprintf(stream->kind, sizeof(stream->kind), "%s", line + 7);
    else if (strncmp(line, "data: ", 6) == 0)
        print_message(stream, line + 6);
    return ferror(stdout) || (stream->ctl->limit > 0 && stream->shown >= stream->ctl->limit);
}

int verb_events(Ctl *ctl)
{
    Stream stream = {.ctl = ctl};

    return fetch_lines(ctl, "/events", on_line, &stream);
}

/* --- alerts */

static const Column alert_columns[] = {
        {"TIME", "time", COLUMN_TIME},
        {"KIND", "kind", COLUMN_TEXT},
        {"ADDRESS", "ip", COLUMN_TEXT},
        {"BLOCKED UNTIL", "blocked_until", COLUMN_TIME},
        {"WHAT", "message", COLUMN_TEXT},
        {},
};

static int collect(const char *line, void *userdata)
{
    text_append(userdata, line);
    return 0;
}

/* "1h" is a time ago; all else is the daemon's to understand. */
static const char *since_of(const Ctl *ctl, char buffer[static TIME_TEXT_MAX])
{
    uint64_t ago_sec, now_ns = clock_wall_ns();

    if (!ctl->since || parse_duration_sec(ctl->since, &ago_sec) < 0 ||
            ago_sec > now_ns / NSEC_PER_SEC)
        return ctl->since;
    return time_format_rfc3339(now_ns - ago_sec * NSEC_PER_SEC, buffer);
}

/* For a query; the daemon says what it thinks of the rest. */
static void append_escaped(TextBuffer *path, const char *key, const char *value)
{
    if (!value)
        return;
    text_appendf(path, "&%s=", key);
    for (const char *c = value; *c; c++)
        text_appendf(path,
                strchr("-_.~:", *c) || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                                (*c >= 'a' && *c <= 'z')
                        ? "%c"
                        : "%%%02X",
                (unsigned char)*c);
}

static int print_alerts(Ctl *ctl, json_object *answer)
{
    json_object *rows = json_object_object_get(answer, "alerts");
    const char *source = word(answer, "source");

    if (!rows)
        return ctl_fail(ctl, CTL_FAILED, "ntc's answer can't be read");
    pager_open(ctl);
    if (json_object_array_length(rows) == 0)
        puts("No alerts.");
    else if (table_print(ctl, rows, alert_columns, 0) < 0)
        return ctl_fail(ctl, CTL_FAILED, "could not print the table");
    if (!ctl->no_legend && strcmp(source, "journal") != 0)
        printf("\nFrom %s: a %s forgets them.\n",
                strcmp(source, "memory") == 0 ? "the daemon's memory" : "a volatile journal",
                strcmp(source, "memory") == 0 ? "restart" : "reboot");
    return 0;
}

int verb_alerts(Ctl *ctl)
{
    _cleanup_(text_done) TextBuffer path = {}, body = {};
    _cleanup_json_ json_object *answer = NULL;
    char since[TIME_TEXT_MAX];
    int r;

    text_appendf(&path, "/alerts?limit=%" PRIu64, ctl->limit ? ctl->limit : ALERTS_DEFAULT);
    append_escaped(&path, "since", since_of(ctl, since));
    append_escaped(&path, "kind", ctl->kind);
    append_escaped(&path, "ip", ctl->ip);
    if (path.failed)
        return ctl_fail(ctl, CTL_FAILED, "out of memory");
    r = fetch_lines(ctl, path.data, collect, &body);
    if (r < 0)
        return r;
    if (!body.data || body.failed ||
            json_parse_strict(body.data, body.size, DEPTH_MAX, &answer, NULL) < 0 || !answer)
        return ctl_fail(ctl, CTL_FAILED, "ntc's answer can't be read");
    if (!ctl->json)
        return print_alerts(ctl, answer);
    json_print(answer);
    return 0;
}
