/* SPDX-License-Identifier: MIT */
/* GET /blacklist and /whitelist. */

#include "http/json-out.h"
#include "http/query.h"
#include "http/routes.h"

#include <string.h>

#define LIST_LIMIT_DEFAULT 1000
#define LIST_LIMIT_MAX     10000

ListId route_list_of(const Request *request)
{
    return strncmp(request->path, "/whitelist", strlen("/whitelist")) == 0 ? LIST_WHITELIST
                                                                           : LIST_BLACKLIST;
}

typedef struct ListFilter {
    const char *text; /* NULL: everything */
    bool newest_first;
    bool is_address;
    Address address;
} ListFilter;

/* A part of the address, comment or origin; or an address that the entry covers. */
static bool matches(const ListFilter *filter, const ListEntry *entry)
{
    char ip[PREFIX_TEXT_MAX];

    if (!filter->text)
        return true;
    if (filter->is_address && prefix_contains_address(&entry->prefix, &filter->address))
        return true;
    return strcasestr(prefix_format(&entry->prefix, ip), filter->text) ||
           strcasestr(entry->comment, filter->text) || strcasestr(entry->origin, filter->text);
}

static void out_entry(JsonOut *out, const Control *control, const ListEntry *entry)
{
    Count hits = control_hits(control, entry);
    char ip[PREFIX_TEXT_MAX];

    json_open(out, NULL, '{');
    json_out_string(out, "ip", prefix_format(&entry->prefix, ip));
    json_out_time(out, "added", entry->added_wall_ns);
    json_out_string(out, "by", entry->by);
    json_out_string(out, "comment", entry->comment);
    json_out_time(out, "expires", entry->expires_wall_ns);
    json_out_time(out, "confirm_by", entry->unconfirmed ? entry->expires_wall_ns : 0);
    json_out_string(out, "origin", entry->origin);
    json_out_uint64(out, "packets", hits.packets);
    json_out_uint64(out, "bytes", hits.bytes);
    json_close(out, '}');
}

/* All entries in the wanted order, borrowed; NULL without memory. */
static ListEntry **in_order(const List *list, const ListFilter *filter)
{
    size_t n = list_count(list);
    ListEntry **entries = calloc(n + 1, sizeof(ListEntry *));

    if (!entries)
        return NULL;
    list_copy(list, entries);
    for (size_t i = 0; filter->newest_first && i < n / 2; i++) {
        ListEntry *swap = entries[i];

        entries[i] = entries[n - 1 - i];
        entries[n - 1 - i] = swap;
    }
    return entries;
}

static void out_list(Request *request, const ListFilter *filter, uint64_t limit, uint64_t offset)
{
    const Control *control = request->server->context.control;
    const List *list = control_list(control, route_list_of(request));
    _cleanup_free_ ListEntry **entries = in_order(list, filter);
    JsonOut out = {.text = &request->reply.body};
    uint64_t matched = 0;

    if (!entries) {
        reply_error(&request->reply, 503, "unavailable", "out of memory");
        return;
    }
    json_open(&out, NULL, '{');
    json_out_string(&out, "list", list_name(route_list_of(request)));
    json_out_uint64(&out, "count", list_count(list));
    json_out_uint64(&out, "capacity", list_capacity(list));
    json_open(&out, "entries", '[');
    for (ListEntry **e = entries; *e; e++) {
        if (!matches(filter, *e))
            continue;
        if (matched >= offset && matched - offset < limit)
            out_entry(&out, control, *e);
        matched++;
    }
    json_close(&out, ']');
    json_out_uint64(&out, "matched", matched);
    json_close(&out, '}');
    request->reply.status = 200;
}

void route_list_get(Request *request)
{
    ListFilter filter = {};
    static const char *const orders[] = {"oldest", "newest", NULL};
    uint64_t limit, offset;
    size_t order;

    if (!query_check(request, (const char *[]){"limit", "offset", "q", "order", NULL}) ||
            !query_uint64(request, "limit", LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit) ||
            !query_uint64(request, "offset", UINT32_MAX, 0, &offset) ||
            !query_word(request, "order", orders, &order))
        return;
    filter.newest_first = order == 1;
    filter.text = query_text(request, "q");
    filter.is_address = filter.text && address_parse(filter.text, &filter.address) >= 0;
    out_list(request, &filter, limit, offset);
}
