/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may what over D-Bus: the one table. Reads are open to all, everything else has its polkit
 * action (polkit/org.ntc.policy). What is not in the table is refused, and a test walks the live
 * introspection to find what was forgotten. */

typedef enum AccessKind {
    ACCESS_CALL,
    ACCESS_GET, /* always open: sd-bus answers without asking anybody */
    ACCESS_SET,
    _ACCESS_KIND_MAX,
} AccessKind;

#define ACCESS_OPEN "open"

#define INTERFACE_MANAGER     "org.ntc.Manager"
#define INTERFACE_BLACKLIST   "org.ntc.Blacklist"
#define INTERFACE_WHITELIST   "org.ntc.Whitelist"
#define INTERFACE_LOG_CONTROL "org.freedesktop.LogControl1"

/* A polkit action, ACCESS_OPEN, or NULL: nobody may. Static. */
const char *access_action(AccessKind kind, const char *interface, const char *member);
