/*
 * A team of threads that run one function together.
 *
 * A task is SPMD: every thread runs the same function from start to end. Inside, each operation is a phase: the
 * threads take its items one by one, each from its own share first and then from what others have left, and meet at a
 * barrier, after which all results of the phase are visible to all.
 *
 *     static void task(void *argument, struct worker *worker) {
 *         struct sum *sum = argument;
 *         for (size_t row; (row = pool_take(worker, sum->row_count)) < sum->row_count;) first(sum, row);
 *         pool_barrier(worker);
 *         for (size_t row; (row = pool_take(worker, sum->row_count)) < sum->row_count;) second(sum, row);
 *     }
 *
 * What an item computes must not depend on who computes it; then the result does not depend on the number of threads.
 */
#ifndef RWKV_POOL_H
#define RWKV_POOL_H

#include "../error.h"

#include <stddef.h>

struct pool;

/* One thread of the pool, as its task sees it. */
struct worker {
    struct pool *pool;
    uint32_t index; /* 0 (the thread that called pool_run) to the number that take part - 1 */
};

/*
 * Makes a pool of thread_count >= 1 threads: the caller of pool_run is number 0, the others are started here and sleep
 * until there is a task. On success *pool is the caller's, to be given to pool_free; on failure it is NULL.
 * Errors: MEMORY; THREAD if the operating system does not give that many.
 */
enum rwkv_status pool_create(uint32_t thread_count, struct pool **pool, struct rwkv_error *error);

/* Ends the threads. No task may be running. NULL is allowed. */
void pool_free(struct pool *pool);

uint32_t pool_thread_count(const struct pool *pool);

/* From the next task on, only the first `threads`, 1 to thread_count, take part; the others sleep. Outside of tasks. */
void pool_use(struct pool *pool, uint32_t threads);

/* Runs task(argument, worker) on all threads that take part; returns when all have returned. One caller at a time. */
void pool_run(struct pool *pool, void (*task)(void *argument, struct worker *worker), void *argument);

/*
 * Inside a task, called by all of its threads equally often: returns when all have called it. What any of them wrote
 * before is visible to all after, and pool_take begins anew.
 */
void pool_barrier(struct worker *worker);

/* Inside a task: how long this thread has slept at barriers since it began, in nanoseconds. What it waited for some
 * microseconds, without sleeping, does not count. */
uint64_t pool_slept(const struct worker *worker);

/*
 * Inside a task: an item, 0 to items - 1, that no other thread is given in this phase; `items` if there is none left.
 * All threads must say the same `items` throughout a phase. A thread is given neighbours in their order, so that it
 * reads memory in one long run, as long as its share lasts.
 */
size_t pool_take(struct worker *worker, size_t items);

#endif
