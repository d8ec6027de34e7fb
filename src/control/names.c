/* SPDX-License-Identifier: MIT */
#include "control/control.h"

const char *control_error_code(ControlError error)
{
    static const char *const codes[_CONTROL_ERROR_MAX] = {
            [CONTROL_OK] = "ok",
            [CONTROL_INVALID_ADDRESS] = "invalid-address",
            [CONTROL_INVALID_OPTION] = "invalid-option",
            [CONTROL_LIMIT_REACHED] = "limit-reached",
            [CONTROL_PROTECTED] = "protected",
            [CONTROL_FROM_FEED] = "from-feed",
            [CONTROL_NOT_LISTED] = "not-found",
            [CONTROL_DENIED] = "denied",
            [CONTROL_STORAGE] = "storage",
            [CONTROL_KERNEL] = "kernel",
            [CONTROL_BUSY] = "busy",
    };

    return codes[error];
}

const char *transport_name(Transport transport)
{
    static const char *const names[_TRANSPORT_MAX] = {
            [TRANSPORT_HTTP] = "http",
            [TRANSPORT_UNIX] = "unix",
            [TRANSPORT_DBUS] = "dbus",
            [TRANSPORT_FEED] = "feed",
            [TRANSPORT_INTERNAL] = "internal",
    };

    return names[transport];
}
