/* SPDX-License-Identifier: MIT */
#pragma once

/* A thread with a bounded queue, for what may block on a disk or on journald while the event loop
 * must not.
 *
 * Jobs run one after the other in the order they were submitted. When a job is done its `done` runs
 * on the loop's thread (woken by an eventfd), never on the worker's. A job owns what `data` points
 * to from a successful submit on until `done` has run; `run` must touch nothing that the loop's
 * thread changes. */

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Worker Worker;

typedef int (*WorkerRun)(void *data);               /* on the worker; 0 or -errno, handed to done */
typedef void (*WorkerDone)(void *data, int result); /* on the loop; must release `data` */

/* `name` shows in ps and must be a literal of at most 15 characters. `queue_max` bounds
 * worker_pending(): the jobs that wait, the one that runs, and those whose `done` is still to come.
 * The thread blocks all signals. */
int worker_new(sd_event *event, const char *name, size_t queue_max, Worker **ret);

/* -ENOBUFS when the queue is full: nothing was taken, the caller counts the loss or refuses the
 * request. */
int worker_submit(Worker *worker, WorkerRun run, WorkerDone done, void *data);

size_t worker_pending(const Worker *worker); /* submitted, and `done` not yet run */

/* Waits until all submitted jobs have run, and dispatches their `done`; -ETIMEDOUT after
 * `timeout_usec`. */
int worker_flush(Worker *worker, uint64_t timeout_usec);

/* As worker_flush(), then ends the thread. A job still hanging after the timeout is abandoned
 * together with its thread and the jobs behind it, which never run: nothing of that is freed, for
 * the thread may still touch it (the process is about to exit). */
Worker *worker_free_timeout(Worker *worker, uint64_t timeout_usec);
Worker *worker_free(Worker *worker); /* waits for as long as it takes */
DEFINE_CLEANUP(Worker *, worker_free);
