/* SPDX-License-Identifier: MIT */
#include "bus/access.h"

#include "base/cleanup.h"

#include <string.h>

#define EDIT_BLACKLIST "org.ntc.edit-blacklist"
#define EDIT_WHITELIST "org.ntc.edit-whitelist"
#define MANAGE         "org.ntc.manage"

typedef struct Access {
    AccessKind kind;
    const char *interface;
    const char *member;
    const char *action;
} Access;

static const Access table[] = {
        {ACCESS_CALL, INTERFACE_BLACKLIST, "Add", EDIT_BLACKLIST},
        {ACCESS_CALL, INTERFACE_BLACKLIST, "AddWithOptions", EDIT_BLACKLIST},
        {ACCESS_CALL, INTERFACE_BLACKLIST, "Remove", EDIT_BLACKLIST},
        {ACCESS_CALL, INTERFACE_BLACKLIST, "Confirm", EDIT_BLACKLIST},
        {ACCESS_CALL, INTERFACE_BLACKLIST, "List", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_BLACKLIST, "Count", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_BLACKLIST, "Capacity", ACCESS_OPEN},

        {ACCESS_CALL, INTERFACE_WHITELIST, "Add", EDIT_WHITELIST},
        {ACCESS_CALL, INTERFACE_WHITELIST, "AddWithOptions", EDIT_WHITELIST},
        {ACCESS_CALL, INTERFACE_WHITELIST, "Remove", EDIT_WHITELIST},
        {ACCESS_CALL, INTERFACE_WHITELIST, "Confirm", EDIT_WHITELIST},
        {ACCESS_CALL, INTERFACE_WHITELIST, "List", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_WHITELIST, "Count", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_WHITELIST, "Capacity", ACCESS_OPEN},

        {ACCESS_CALL, INTERFACE_MANAGER, "FlushFlows", MANAGE},
        {ACCESS_CALL, INTERFACE_MANAGER, "Reload", MANAGE},
        {ACCESS_CALL, INTERFACE_MANAGER, "GetFlows", ACCESS_OPEN},
        {ACCESS_CALL, INTERFACE_MANAGER, "GetTalkers", ACCESS_OPEN},
        {ACCESS_CALL, INTERFACE_MANAGER, "GetStatus", ACCESS_OPEN},
        {ACCESS_CALL, INTERFACE_MANAGER, "Explain", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "Version", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "Mode", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "Interfaces", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "ActiveFlows", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "ActiveAddresses", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "PacketsPerSecond", ACCESS_OPEN},
        {ACCESS_GET, INTERFACE_MANAGER, "BytesPerSecond", ACCESS_OPEN},

        {ACCESS_GET, INTERFACE_LOG_CONTROL, "LogLevel", ACCESS_OPEN},
        {ACCESS_SET, INTERFACE_LOG_CONTROL, "LogLevel", MANAGE},
        {ACCESS_GET, INTERFACE_LOG_CONTROL, "LogTarget", ACCESS_OPEN},
        {ACCESS_SET, INTERFACE_LOG_CONTROL, "LogTarget", MANAGE},
        {ACCESS_GET, INTERFACE_LOG_CONTROL, "SyslogIdentifier", ACCESS_OPEN},
};

const char *access_action(AccessKind kind, const char *interface, const char *member)
{
    for (size_t i = 0; i < ELEMENTSOF(table); i++)
        if (table[i].kind == kind && strcmp(table[i].interface, interface) == 0 &&
                strcmp(table[i].member, member) == 0)
            return table[i].action;
    return NULL;
}
