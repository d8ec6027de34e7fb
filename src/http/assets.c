/* SPDX-License-Identifier: MIT */
#include "http/assets.h"

#include "http/assets-data.h"

#include <string.h>
#include <strings.h>

#if !HAVE_WEB
const Asset assets[] = {{}};
#endif

static const Asset *find(const char *path)
{
    for (const Asset *a = assets; a->path; a++)
        if (strcmp(a->path, path) == 0)
            return a;
    return NULL;
}

bool assets_has(const char *path)
{
    return find(path);
}

/* The part of a comma-separated list that begins at *cursor, without blanks around it; false at the
 * end. */
static bool next_item(const char **cursor, const char **ret_item, size_t *ret_size)
{
    const char *item = *cursor + strspn(*cursor, ", \t");
    size_t n = strcspn(item, ",");

    if (*item == '\0')
        return false;
    *cursor = item + n;
    while (n > 0 && (item[n - 1] == ' ' || item[n - 1] == '\t'))
        n--;
    *ret_item = item;
    *ret_size = n;
    return true;
}

/* "gzip;q=0" and "gzip; q=0.000" refuse it (RFC 9110, 12.4.2). */
static bool is_refusal(const char *parameters, size_t size)
{
    size_t n = 0;

    while (n < size && strchr("; \t", parameters[n]))
        n++;
    if (size - n < 3 || strncasecmp(parameters + n, "q=0", 3) != 0)
        return false;
    for (n += 3; n < size; n++)
        if (!strchr(".0 \t", parameters[n]))
            return false;
    return true;
}

static bool takes_gzip(const char *accept)
{
    const char *item;
    size_t size;

    while (accept && next_item(&accept, &item, &size)) {
        size_t name = strcspn(item, "; \t,");

        name = MIN_OF(name, size);
        if (name == 4 && strncasecmp(item, "gzip", name) == 0)
            return !is_refusal(item + name, size - name);
    }
    return false;
}

/* Weak comparison, as for If-None-Match (RFC 9110, 8.8.3.2). */
static bool has_etag(const char *list, const char *etag)
{
    const char *item;
    size_t size;

    while (list && next_item(&list, &item, &size)) {
        if (size == 1 && *item == '*')
            return true;
        if (size > 2 && strncmp(item, "W/", 2) == 0) {
            item += 2;
            size -= 2;
        }
        if (size == strlen(etag) && strncmp(item, etag, size) == 0)
            return true;
    }
    return false;
}

bool assets_reply(Request *request)
{
    const Asset *asset = find(request->path);
    Reply *reply = &request->reply;

    if (!asset)
        return false;
    bool gzip = takes_gzip(request_header(request, HEADER_ACCEPT_ENCODING));
    const AssetBytes *bytes = gzip ? &asset->gzip : &asset->plain;
    reply->type = asset->type;
    reply->cache_control = asset->cache_control;
    reply->etag = bytes->etag;
    reply->encoding = gzip ? "gzip" : NULL;
    if (has_etag(request_header(request, HEADER_IF_NONE_MATCH), bytes->etag)) {
        reply->status = 304;
    } else {
        reply->status = 200;
        reply->fixed = bytes->data;
        reply->fixed_size = bytes->size;
    }
    return true;
}
