/* SPDX-License-Identifier: MIT */
#pragma once

/* What web/embed.py writes at build time. */

#include <stddef.h>

typedef struct AssetBytes {
    const char *etag; /* quoted, as it stands in the header */
    const unsigned char *data;
    size_t size;
} AssetBytes;

typedef struct Asset {
    const char *path; /* as in the request line */
    const char *type;
    const char *cache_control;
    AssetBytes plain;
    AssetBytes gzip;
} Asset;

extern const Asset assets[]; /* ends with a NULL path */
