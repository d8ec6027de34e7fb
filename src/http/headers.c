/* SPDX-License-Identifier: MIT */
#include "http/headers.h"

#include "base/cleanup.h"

#include <string.h>
#include <strings.h>

typedef struct Name {
    const char *text;
    size_t size;
} Name;

#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const Name names[_HEADER_MAX] = {
        [HEADER_ACCEPT] = NAME("Accept"),
        [HEADER_ACCEPT_ENCODING] = NAME("Accept-Encoding"),
        [HEADER_AUTHORIZATION] = NAME("Authorization"),
        [HEADER_CONTENT_LENGTH] = NAME("Content-Length"),
        [HEADER_CONTENT_TYPE] = NAME("Content-Type"),
        [HEADER_EXPECT] = NAME("Expect"),
        [HEADER_HOST] = NAME("Host"),
        [HEADER_IF_NONE_MATCH] = NAME("If-None-Match"),
        [HEADER_LAST_EVENT_ID] = NAME("Last-Event-ID"),
        [HEADER_ORIGIN] = NAME("Origin"),
        [HEADER_SEC_FETCH_SITE] = NAME("Sec-Fetch-Site"),
        [HEADER_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
};

const char *header_name(Header header)
{
    return names[header].text;
}

static bool is_named(const char *key, size_t size, const Name *name)
{
    return size == name->size && strncasecmp(key, name->text, size) == 0;
}

static bool is_of_proxy(const char *key, size_t size)
{
    static const Name proxies[] = {NAME("Forwarded"), NAME("Via"), NAME("X-Real-IP"),
            NAME("X-Client-IP"), NAME("X-Cluster-Client-IP"), NAME("X-Original-Forwarded-For"),
            NAME("True-Client-IP"), NAME("CF-Connecting-IP")};
    static const Name forwarded = NAME("X-Forwarded-");

    if (size >= forwarded.size && strncasecmp(key, forwarded.text, forwarded.size) == 0)
        return true;
    for (size_t i = 0; i < ELEMENTSOF(proxies); i++)
        if (is_named(key, size, &proxies[i]))
            return true;
    return false;
}

static enum MHD_Result on_header(void *userdata, enum MHD_ValueKind kind, const char *key,
        size_t key_size, const char *text, size_t size)
{
    Headers *headers = userdata;

    for (int i = 0; i < _HEADER_MAX; i++) {
        HeaderValue *value = &headers->values[i];

        if (!is_named(key, key_size, &names[i]))
            continue;
        if (value->n++ == 0) {
            value->text = text;
            value->size = size;
        }
        return MHD_YES;
    }
    headers->from_proxy |= is_of_proxy(key, key_size);
    return MHD_YES;
}

void headers_read(Headers *headers, struct MHD_Connection *connection)
{
    *headers = (Headers){};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, headers);
}
