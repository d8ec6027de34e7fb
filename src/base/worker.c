/* SPDX-License-Identifier: MIT */
/* Two queues under one lock: jobs wait in `waiting`, then in `finished`. The thread owns a job only
 * between the two. The eventfd counts finished jobs; the loop drains it and runs their `done`. */

#include "base/worker.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>

typedef struct Job Job;
struct Job {
    Job *next;
    WorkerRun run;
    WorkerDone done;
    void *data;
    int result;
};

typedef struct Queue {
    Job *first;
    Job **last; /* NULL while nothing was ever put in */
} Queue;

struct Worker {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t work_to_do;
    pthread_cond_t work_done;
    Queue waiting;
    Queue finished;
    bool stopping;
    bool abandoned; /* whoever submitted what still waits may be gone: start none of it */
    bool running;
    /* The loop's thread only. */
    const char *name;
    size_t queue_max;
    size_t pending;
    int event_fd;
    sd_event_source *source;
};

static void queue_put(Queue *queue, Job *job)
{
    job->next = NULL;
    *(queue->first ? queue->last : &queue->first) = job;
    queue->last = &job->next;
}

static Job *queue_take(Queue *queue)
{
    Job *job = queue->first;

    if (job)
        queue->first = job->next;
    return job;
}

static void run_job(Worker *worker, Job *job)
{
    worker->running = true;
    pthread_mutex_unlock(&worker->lock);
    job->result = job->run(job->data);
    pthread_mutex_lock(&worker->lock);
    worker->running = false;
    queue_put(&worker->finished, job);
    (void)eventfd_write(worker->event_fd, 1);
    pthread_cond_broadcast(&worker->work_done);
}

static void *thread_main(void *userdata)
{
    Worker *worker = userdata;
    Job *job;

    (void)prctl(PR_SET_NAME, worker->name);
    pthread_mutex_lock(&worker->lock);
    while (!worker->abandoned) {
        job = queue_take(&worker->waiting);
        if (job)
            run_job(worker, job);
        else if (worker->stopping)
            break;
        else
            pthread_cond_wait(&worker->work_to_do, &worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* Runs what is finished; without the lock, for `done` may submit again. */
static void dispatch_finished(Worker *worker)
{
    Job *job;

    for (;;) {
        pthread_mutex_lock(&worker->lock);
        job = queue_take(&worker->finished);
        pthread_mutex_unlock(&worker->lock);
        if (!job)
            return;
        worker->pending--;
        job->done(job->data, job->result);
        free(job);
    }
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    eventfd_t count;

    (void)eventfd_read(fd, &count);
    dispatch_finished(userdata);
    return 0;
}

static int init_sync(Worker *worker)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->work_to_do, NULL);
    pthread_cond_init(&worker->work_done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return worker->event_fd < 0 ? -errno : 0;
}

/* Signals are the loop's: a thread that doesn't block them would take them away from its signalfd.
 */
static int start_thread(Worker *worker)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&worker->thread, NULL, thread_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    worker->started = r == 0;
    return -r;
}

int worker_new(sd_event *event, const char *name, size_t queue_max, Worker **ret)
{
    _cleanup_(worker_freep) Worker *worker = calloc(1, sizeof(*worker));
    int r;

    if (!worker)
        return -ENOMEM;
    worker->name = name;
    worker->queue_max = queue_max;
    r = init_sync(worker);
    if (r >= 0)
        r = sd_event_add_io(event, &worker->source, worker->event_fd, EPOLLIN, on_finished, worker);
    if (r >= 0)
        r = start_thread(worker);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(worker);
    return 0;
}

int worker_submit(Worker *worker, WorkerRun run, WorkerDone done, void *data)
{
    Job *job;

    if (worker->pending >= worker->queue_max)
        return -ENOBUFS;
    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    *job = (Job){.run = run, .done = done, .data = data};
    worker->pending++;
    pthread_mutex_lock(&worker->lock);
    queue_put(&worker->waiting, job);
    pthread_cond_signal(&worker->work_to_do);
    pthread_mutex_unlock(&worker->lock);
    return 0;
}

size_t worker_pending(const Worker *worker)
{
    return worker->pending;
}

static struct timespec deadline_after(uint64_t timeout_usec)
{
    uint64_t now_ns = clock_monotonic_ns(), wait_ns, at_ns;

    if (__builtin_mul_overflow(timeout_usec, NSEC_PER_USEC, &wait_ns) ||
            __builtin_add_overflow(now_ns, wait_ns, &at_ns) || at_ns > INT64_MAX)
        at_ns = INT64_MAX;
    return (struct timespec){(time_t)(at_ns / NSEC_PER_SEC), (long)(at_ns % NSEC_PER_SEC)};
}

int worker_flush(Worker *worker, uint64_t timeout_usec)
{
    struct timespec deadline = deadline_after(timeout_usec);
    int r = 0;

    /* `done` may submit more: until nothing is left. */
    while (worker->pending > 0 && r == 0) {
        pthread_mutex_lock(&worker->lock);
        while (r == 0 && !worker->finished.first && (worker->waiting.first || worker->running))
            r = pthread_cond_timedwait(&worker->work_done, &worker->lock, &deadline);
        pthread_mutex_unlock(&worker->lock);
        dispatch_finished(worker);
    }
    return worker->pending > 0 ? -r : 0;
}

static void stop_thread(Worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->work_to_do);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
}

static void abandon_thread(Worker *worker)
{
    sd_event_source_disable_unref(worker->source);
    pthread_mutex_lock(&worker->lock);
    worker->abandoned = true;
    pthread_detach(worker->thread);
    pthread_mutex_unlock(&worker->lock);
}

Worker *worker_free_timeout(Worker *worker, uint64_t timeout_usec)
{
    if (!worker)
        return NULL;
    if (worker->started) {
        if (worker_flush(worker, timeout_usec) < 0) {
            abandon_thread(worker);
            return NULL;
        }
        stop_thread(worker);
    }
    sd_event_source_disable_unref(worker->source);
    safe_close(worker->event_fd);
    pthread_cond_destroy(&worker->work_to_do);
    pthread_cond_destroy(&worker->work_done);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    return NULL;
}

Worker *worker_free(Worker *worker)
{
    return worker_free_timeout(worker, UINT64_MAX);
}
