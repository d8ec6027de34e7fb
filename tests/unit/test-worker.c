/* SPDX-License-Identifier: MIT */
#include "base/worker.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>

#define LONG_USEC  (20 * USEC_PER_SEC)
#define SHORT_USEC (50 * USEC_PER_MSEC)

typedef struct World {
    sd_event *event;
    Worker *worker;
    pthread_t loop;
    sem_t running, gate; /* a job that hangs posts the one and waits for the other */
    int ran[8], n_ran;
    int done[8], n_done;
    int wrong_thread;
} World;

typedef struct TestJob {
    World *world;
    int number;
    bool hang;
    bool again; /* `done` submits the next one */
} TestJob;

static void world_init(World *w, size_t queue_max)
{
    w->loop = pthread_self();
    cr_assert_eq(sem_init(&w->running, 0, 0), 0);
    cr_assert_eq(sem_init(&w->gate, 0, 0), 0);
    cr_assert_geq(sd_event_new(&w->event), 0);
    cr_assert_eq(worker_new(w->event, "test", queue_max, &w->worker), 0);
}

static void world_done(World *w)
{
    w->worker = worker_free(w->worker);
    sd_event_unref(w->event);
}

static int run(void *data)
{
    TestJob *job = data;
    World *w = job->world;

    if (pthread_equal(pthread_self(), w->loop))
        w->wrong_thread++;
    if (job->hang) {
        sem_post(&w->running);
        while (sem_wait(&w->gate) < 0)
            ;
    }
    w->ran[w->n_ran++] = job->number;
    return -job->number;
}

static int submit(World *w, TestJob job);

static void done(void *data, int result)
{
    TestJob *job = data;
    World *w = job->world;

    if (!pthread_equal(pthread_self(), w->loop) || result != -job->number)
        w->wrong_thread++;
    w->done[w->n_done++] = job->number;
    if (job->again)
        cr_assert_eq(submit(w, (TestJob){.number = job->number + 1}), 0);
    free(job);
}

static int submit(World *w, TestJob job)
{
    TestJob *copy = malloc(sizeof(*copy));
    int r;

    cr_assert_not_null(copy);
    *copy = job;
    copy->world = w;
    r = worker_submit(w->worker, run, done, copy);
    if (r < 0)
        free(copy);
    return r;
}

static void run_loop(World *w, int n_done)
{
    while (w->n_done < n_done)
        cr_assert_gt(sd_event_run(w->event, LONG_USEC), 0, "the loop is not woken");
}

Test(worker, runs_in_order_and_answers_on_the_loop, .timeout = 60)
{
    World w = {};

    world_init(&w, 4);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(submit(&w, (TestJob){.number = i}), 0);
    cr_assert_eq(worker_pending(w.worker), 4);
    cr_assert_eq(w.n_done, 0, "only the loop calls done");
    run_loop(&w, 4);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(w.ran[i], i);
        cr_assert_eq(w.done[i], i);
    }
    cr_assert_eq(w.wrong_thread, 0);
    cr_assert_eq(worker_pending(w.worker), 0);
    world_done(&w);
}

Test(worker, done_may_submit, .timeout = 60)
{
    World w = {};

    world_init(&w, 1);
    cr_assert_eq(submit(&w, (TestJob){.number = 1, .again = true}), 0);
    run_loop(&w, 2);
    cr_assert_eq(submit(&w, (TestJob){.number = 3, .again = true}), 0);
    cr_assert_eq(worker_flush(w.worker, LONG_USEC), 0, "a flush waits for what done submitted");
    cr_assert_eq(w.n_done, 4);
    world_done(&w);
}

Test(worker, queue_is_bounded, .timeout = 60)
{
    World w = {};
    size_t taken = 1;

    world_init(&w, 3);
    cr_assert_eq(submit(&w, (TestJob){.number = 0, .hang = true}), 0);
    sem_wait(&w.running);
    while (taken < 8 && submit(&w, (TestJob){.number = (int)taken}) == 0)
        taken++;
    cr_assert_leq(taken, 4, "three wait at most, and one runs");
    cr_assert_geq(taken, 3);
    cr_assert_eq(submit(&w, (TestJob){.number = 9}), -ENOBUFS);
    cr_assert_eq(worker_pending(w.worker), taken);
    sem_post(&w.gate);
    run_loop(&w, (int)taken);
    cr_assert_eq(w.n_ran, (int)taken, "what was refused does not run");
    cr_assert_eq(submit(&w, (TestJob){.number = 5}), 0, "there is room again");
    run_loop(&w, (int)taken + 1);
    world_done(&w);
}

Test(worker, flush_gives_up_on_a_hanging_job, .timeout = 60)
{
    World w = {};
    uint64_t before;

    world_init(&w, 4);
    cr_assert_eq(worker_flush(w.worker, 0), 0, "nothing to wait for");
    cr_assert_eq(submit(&w, (TestJob){.number = 0, .hang = true}), 0);
    cr_assert_eq(submit(&w, (TestJob){.number = 1}), 0);
    sem_wait(&w.running);
    before = clock_monotonic_ns();
    cr_assert_eq(worker_flush(w.worker, SHORT_USEC), -ETIMEDOUT);
    cr_assert_geq(clock_monotonic_ns() - before, SHORT_USEC * NSEC_PER_USEC);
    cr_assert_eq(w.n_done, 0);
    sem_post(&w.gate);
    cr_assert_eq(worker_flush(w.worker, LONG_USEC), 0);
    cr_assert_eq(w.n_done, 2);
    cr_assert_eq(sd_event_run(w.event, 0) < 0, 0, "a wake-up too many is harmless");
    world_done(&w);
}

Test(worker, free_waits_for_what_was_submitted, .timeout = 60)
{
    World w = {};

    world_init(&w, 4);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(submit(&w, (TestJob){.number = i}), 0);
    world_done(&w);
    cr_assert_eq(w.n_done, 4);
    cr_assert_null(worker_free(NULL));
    cr_assert_null(worker_free_timeout(NULL, 0));
}

Test(worker, free_abandons_a_hanging_job, .timeout = 60)
{
    static World w; /* the abandoned thread goes on using it */
    uint64_t before = clock_monotonic_ns();

    world_init(&w, 4);
    cr_assert_eq(submit(&w, (TestJob){.number = 0, .hang = true}), 0);
    cr_assert_eq(submit(&w, (TestJob){.number = 1}), 0);
    sem_wait(&w.running);
    cr_assert_null(worker_free_timeout(w.worker, SHORT_USEC));
    cr_assert_lt(clock_monotonic_ns() - before, LONG_USEC * NSEC_PER_USEC);
    sd_event_unref(w.event);
    sem_post(&w.gate);
    usleep(SHORT_USEC);
    cr_assert_eq(w.n_done, 0, "nobody is left to call done");
    cr_assert_eq(w.n_ran, 1, "whom the second job is for may be gone");
}

static int pending_signals(void *data)
{
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    return sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP) ? 0 : -EPERM;
}

static void keep_result(void *data, int result)
{
    *(int *)data = result;
}

Test(worker, thread_blocks_signals_and_the_caller_does_not, .timeout = 60)
{
    int result = 1;
    sigset_t blocked;
    World w = {};

    world_init(&w, 1);
    cr_assert_eq(worker_submit(w.worker, pending_signals, keep_result, &result), 0);
    cr_assert_eq(worker_flush(w.worker, LONG_USEC), 0);
    cr_assert_eq(result, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    cr_assert(!sigismember(&blocked, SIGTERM));
    world_done(&w);
}
