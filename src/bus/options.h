/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of AddWithOptions, a{sv}: ttl t, comment s, force b, confirm t. */

#include "control/control.h"

#include <systemd/sd-bus.h>

/* Reads the dictionary that comes next in the message into the command; texts are borrowed from the
 * message. -errno with `error` set for an unknown option, one of another type, one given twice. */
int options_read(sd_bus_message *m, Command *command, sd_bus_error *error);
