/* SPDX-License-Identifier: MIT */
#pragma once

/* The composition root: owns the event loop and every module, wires them, and takes them apart in
 * the opposite order. Nothing here decides about packets, lists or requests. */

#include "config/config.h"

typedef struct DaemonOptions {
    const char *config_path; /* NULL: built-in defaults */
    bool mock;
    StringList interfaces; /* of the command line; beat the file's */
    int port;              /* -1: the file's */
} DaemonOptions;

/* Reads the configuration the options name and lays the options over it. */
int daemon_load_config(const DaemonOptions *options, Config **ret, ConfigError *error);

/* Runs until a signal ends it. `config` is taken. Returns the process' exit status. */
int daemon_run(const DaemonOptions *options, Config *config);

/* ntc --detach. Returns the process' exit status. */
int daemon_detach(void);

/* Started by a service manager, that is. */
bool daemon_is_service(void);
/* Tells log and service manager why the start failed. */
void daemon_failed(const char *reason);
/* For a service whose start failed: some seconds, or until a signal ends it. */
void daemon_wait_before_retry(void);
