/* SPDX-License-Identifier: MIT */
#include "http/host.h"

#include "base/address.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 253 /* RFC 1035, 2.3.4 */

static bool valid_port(const char *text)
{
    uint64_t port;

    return parse_uint64(text, 0, 65535, &port) >= 0;
}

/* "[2001:db8::1]:8086" */
static HostVerdict check_bracketed(const char *host)
{
    const char *end = strchr(host, ']');
    char text[ADDRESS_TEXT_MAX];
    Address address;

    if (!end || (size_t)(end - host - 1) >= sizeof(text))
        return HOST_MALFORMED;
    memcpy(text, host + 1, (size_t)(end - host - 1));
    text[end - host - 1] = '\0';
    if (!strchr(text, ':') || address_parse(text, &address) < 0)
        return HOST_MALFORMED;
    if (end[1] != '\0' && (end[1] != ':' || !valid_port(end + 2)))
        return HOST_MALFORMED;
    return HOST_ALLOWED;
}

static bool valid_name(const char *name)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return name[0] != '\0' && name[0] != '.' && name[strspn(name, legal)] == '\0' &&
           !strstr(name, "..");
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);

    return n > k && strcasecmp(name + n - k, suffix) == 0;
}

static bool is_private(const char *name)
{
    static const char *const suffixes[] = {
            ".localhost", ".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain"};

    if (!strchr(name, '.'))
        return true;
    for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
        if (has_suffix(name, suffixes[i]))
            return true;
    return false;
}

static HostVerdict check_name(const char *name, const char *own, const StringList *allowed)
{
    Address address;

    if (!valid_name(name))
        return HOST_MALFORMED;
    if (address_parse(name, &address) >= 0 || is_private(name) || strcasecmp(name, own) == 0)
        return HOST_ALLOWED;
    for (size_t i = 0; i < allowed->count; i++)
        if (strcasecmp(name, allowed->items[i]) == 0)
            return HOST_ALLOWED;
    return HOST_FOREIGN;
}

HostVerdict host_check(const char *host, const char *own, const StringList *allowed)
{
    char name[NAME_MAX_BYTES + 2];
    size_t n;

    if (!host)
        return HOST_MALFORMED;
    if (host[0] == '[')
        return check_bracketed(host);
    n = strcspn(host, ":");
    if (n == 0 || n >= sizeof(name) || (host[n] == ':' && !valid_port(host + n + 1)))
        return HOST_MALFORMED;
    memcpy(name, host, n);
    if (name[n - 1] == '.') /* the root's dot: the same name */
        n--;
    name[n] = '\0';
    return check_name(name, own, allowed);
}

/* Cuts the scheme off `origin` and tells its default port. */
static const char *after_scheme(const char *origin, const char **ret_port)
{
    if (strncasecmp(origin, "http://", 7) == 0) {
        *ret_port = ":80";
        return origin + 7;
    }
    if (strncasecmp(origin, "https://", 8) == 0) { /* a proxy in front speaks TLS */
        *ret_port = ":443";
        return origin + 8;
    }
    return NULL;
}

bool host_is_origin(const char *host, const char *origin)
{
    const char *port, *site = after_scheme(origin, &port);
    size_t n;

    if (!host || !site)
        return false;
    if (strcasecmp(host, site) == 0)
        return true;
    /* Browsers leave the default port out, other clients may not. */
    n = strlen(site);
    return strncasecmp(host, site, n) == 0 && strcmp(host + n, port) == 0;
}
