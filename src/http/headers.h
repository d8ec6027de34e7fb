/* SPDX-License-Identifier: MIT */
#pragma once

/* The headers of a request that mean something here, picked out in one pass. */

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum Header {
    HEADER_ACCEPT,
    HEADER_ACCEPT_ENCODING,
    HEADER_AUTHORIZATION,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_EXPECT,
    HEADER_HOST,
    HEADER_IF_NONE_MATCH,
    HEADER_LAST_EVENT_ID,
    HEADER_ORIGIN,
    HEADER_SEC_FETCH_SITE,
    HEADER_TRANSFER_ENCODING,
    _HEADER_MAX,
} Header;

typedef struct HeaderValue {
    const char *text; /* of the first, until the request is over; NULL: there is none */
    size_t size;
    size_t n; /* how many there are */
} HeaderValue;

typedef struct Headers {
    HeaderValue values[_HEADER_MAX];
    bool from_proxy; /* one that proxies add to what they pass on */
} Headers;

void headers_read(Headers *headers, struct MHD_Connection *connection);
const char *header_name(Header header);
