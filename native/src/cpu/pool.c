/*
 * How the threads wait
 * --------------------
 * There is one barrier, and all waiting is done at it: a worker goes round and round
 *
 *     barrier (a task is there) -> task, with the barriers inside it -> barrier (the task is done)
 *
 * and pool_run of thread 0 takes part in the same two. Each arriving thread counts `missing` down; the last one
 * sets up the next phase and then increments `phase`, which is what the others wait for. They spin for some
 * microseconds, about what sleeping and waking up would cost, and then sleep: between tasks no processor is kept busy,
 * and where other programs want the processors little is lost to waiting for a thread that has none.
 * With more threads than processors spinning would only keep the others from arriving, so they sleep at once.
 *
 * Workers that are not wanted for some time leave the round between the first barrier and the task, and rest until they
 * are wanted again; then they go to the first barrier. One may leave that barrier late, when others are tasks ahead. It
 * then reads only its own `wanted`, which thread 0 does not change before it rests.
 *
 * A thread that goes to sleep says so in `sleepers` and then looks at `phase` once more; the last to arrive
 * increments `phase` and then looks at `sleepers`. These four accesses are sequentially consistent, so at least one of
 * the two sees the other, and no wake-up is lost. The mutex only guards the sleeping itself.
 */
#include "pool.h"

#include "thread.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SPIN_NANOSECONDS 20000
#define PAUSES_PER_LOOK_AT_CLOCK 64

#define CACHE_LINE 64

/* How many of its items of this phase have been taken, in a cache line of its own. */
struct share {
    atomic_size_t taken;
    char rest[CACHE_LINE - sizeof(size_t)];
};

/* What there is of each worker. Thread 0 writes `wanted` with the mutex locked; the worker reads it right after the
 * first barrier, and while it rests. */
struct seat {
    bool wanted;
    bool rests;     /* the mutex guards this */
    uint64_t slept; /* nanoseconds, at barriers; the worker's own */
};

struct pool {
    uint32_t thread_count;
    uint32_t taking_part; /* of them; written by thread 0 before the barrier that starts a task */
    uint32_t next_part;   /* and in the next task */
    uint32_t processors;
    atomic_bool spin; /* a worker may read it while thread 0 changes it, and either will do */

    /* Written by thread 0 before the barrier that starts the task. No task: the workers end. */
    void (*task)(void *argument, struct worker *worker);
    void *argument;

    struct worker *workers; /* [thread_count] */
    struct share *shares;   /* [thread_count] */
    struct seat *seats;     /* [thread_count] */
    struct thread *threads; /* [started_count]: thread i runs workers[i + 1] */
    uint32_t started_count; /* thread_count - 1, once the pool is made */
    struct mutex mutex;
    uint64_t woken; /* when sleepers were woken last; the mutex guards this */
    struct condition phase_changed, seats_changed;

    /* What is watched and what is counted at arrival lie in lines of their own. */
    char before_phase[CACHE_LINE];
    atomic_uint phase;
    atomic_uint sleepers;
    char before_missing[CACHE_LINE];
    atomic_uint missing;
    char after_missing[CACHE_LINE];
};

static void renew_shares(struct pool *pool) {
    for (uint32_t i = 0; i < pool->taking_part; i++)
        atomic_store_explicit(&pool->shares[i].taken, 0, memory_order_relaxed);
}

static bool wait_spinning(struct pool *pool, unsigned phase) {
    uint64_t start = thread_nanoseconds();
    do {
        for (int i = 0; i < PAUSES_PER_LOOK_AT_CLOCK; i++) {
            if (atomic_load_explicit(&pool->phase, memory_order_acquire) != phase) return true;
            thread_pause();
        }
    } while (thread_nanoseconds() - start < SPIN_NANOSECONDS);
    return false;
}

/* Returns how long, until it was woken: it may take longer until there is a processor for it. */
static uint64_t wait_sleeping(struct pool *pool, unsigned phase) {
    const uint64_t start = thread_nanoseconds();
    mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->phase) == phase) condition_wait(&pool->phase_changed, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    const uint64_t woken = pool->woken;
    mutex_unlock(&pool->mutex);
    return woken > start ? woken - start : 0;
}

void pool_barrier(struct worker *worker) {
    struct pool *pool = worker->pool;
    if (pool->thread_count == 1) {
        renew_shares(pool);
        return;
    }

    unsigned phase = atomic_load_explicit(&pool->phase, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&pool->missing, 1, memory_order_acq_rel) > 1) {
        const bool spin = atomic_load_explicit(&pool->spin, memory_order_relaxed);
        if (!(spin && wait_spinning(pool, phase))) pool->seats[worker->index].slept += wait_sleeping(pool, phase);
        return;
    }

    /* All others wait: nobody looks at these before the new phase. */
    atomic_store_explicit(&pool->missing, pool->taking_part, memory_order_relaxed);
    renew_shares(pool);
    atomic_fetch_add(&pool->phase, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        /* Once the mutex was ours, whoever has not seen the new phase is waiting for the condition. Waking them with
         * the mutex released lets them not wait for it in turn. */
        mutex_lock(&pool->mutex);
        pool->woken = thread_nanoseconds();
        mutex_unlock(&pool->mutex);
        condition_wake_all(&pool->phase_changed);
    }
}

uint64_t pool_slept(const struct worker *worker) { return worker->pool->seats[worker->index].slept; }

size_t pool_take(struct worker *worker, size_t items) {
    struct pool *pool = worker->pool;
    const size_t threads = pool->taking_part;
    for (size_t i = 0; i < threads; i++) {
        const size_t owner = (worker->index + i) % threads;
        const size_t first = items * owner / threads, count = items * (owner + 1) / threads - first;
        atomic_size_t *taken = &pool->shares[owner].taken;
        if (atomic_load_explicit(taken, memory_order_relaxed) >= count) continue;
        const size_t item = atomic_fetch_add_explicit(taken, 1, memory_order_relaxed);
        if (item < count) return first + item;
    }
    return items;
}

static void rest(struct pool *pool, struct seat *seat) {
    mutex_lock(&pool->mutex);
    seat->rests = true;
    condition_wake_all(&pool->seats_changed);
    while (!seat->wanted) condition_wait(&pool->seats_changed, &pool->mutex);
    seat->rests = false;
    mutex_unlock(&pool->mutex);
}

/* Before the barrier that starts a task. */
static void take_seats(struct pool *pool, uint32_t threads) {
    if (threads == pool->taking_part) return;
    mutex_lock(&pool->mutex);
    for (uint32_t i = threads; i < pool->taking_part; i++) pool->seats[i].wanted = false;
    for (uint32_t i = pool->taking_part; i < threads; i++) {
        while (!pool->seats[i].rests) condition_wait(&pool->seats_changed, &pool->mutex);
        pool->seats[i].wanted = true;
        /* It goes to the barrier. Thread 0 has yet to arrive there, so that none are missing only after that. */
        atomic_fetch_add(&pool->missing, 1);
    }
    mutex_unlock(&pool->mutex);
    condition_wake_all(&pool->seats_changed);
    pool->taking_part = threads;
    atomic_store_explicit(&pool->spin, threads <= pool->processors, memory_order_relaxed);
}

void pool_use(struct pool *pool, uint32_t threads) { pool->next_part = threads; }

static void work(void *argument) {
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    struct seat *seat = &pool->seats[worker->index];
    for (;;) {
        pool_barrier(worker);
        if (!seat->wanted) {
            rest(pool, seat);
            continue;
        }
        if (!pool->task) return;
        pool->task(pool->argument, worker);
        pool_barrier(worker);
    }
}

void pool_run(struct pool *pool, void (*task)(void *argument, struct worker *worker), void *argument) {
    struct worker *self = &pool->workers[0];
    pool->task = task;
    pool->argument = argument;
    take_seats(pool, pool->next_part);
    pool_barrier(self);
    task(argument, self);
    pool_barrier(self);
}

uint32_t pool_thread_count(const struct pool *pool) { return pool->thread_count; }

enum rwkv_status pool_create(uint32_t thread_count, struct pool **result, struct rwkv_error *error) {
    *result = NULL;
    if (thread_count == 0) return error_set(error, RWKV_ERROR_ARGUMENT, "thread_count is 0, expected at least 1");

    struct pool *pool = calloc(1, sizeof *pool);
    struct worker *workers = calloc(thread_count, sizeof *workers);
    struct share *shares = calloc(thread_count, sizeof *shares);
    struct seat *seats = calloc(thread_count, sizeof *seats);
    struct thread *threads = calloc(thread_count, sizeof *threads);
    bool have_memory = pool && workers && shares && seats && threads;
    bool have_mutex = have_memory && mutex_init(&pool->mutex);
    bool have_condition = have_mutex && condition_init(&pool->phase_changed);
    bool have_both = have_condition && condition_init(&pool->seats_changed);
    if (!have_both) {
        if (have_condition) condition_destroy(&pool->phase_changed);
        if (have_mutex) mutex_destroy(&pool->mutex);
        free(threads);
        free(seats);
        free(shares);
        free(workers);
        free(pool);
        return error_set(error, RWKV_ERROR_MEMORY, "no memory for a pool of %u threads", (unsigned)thread_count);
    }

    pool->thread_count = pool->taking_part = pool->next_part = thread_count;
    pool->processors = thread_processor_count();
    pool->workers = workers;
    pool->shares = shares;
    pool->seats = seats;
    pool->threads = threads;
    atomic_init(&pool->phase, 0);
    atomic_init(&pool->sleepers, 0);
    atomic_init(&pool->spin, thread_count <= pool->processors);
    atomic_init(&pool->missing, thread_count);
    for (uint32_t i = 0; i < thread_count; i++) {
        workers[i] = (struct worker){pool, i};
        atomic_init(&shares[i].taken, 0);
        seats[i].wanted = true;
    }

    while (pool->started_count < thread_count - 1) {
        uint32_t i = pool->started_count;
        if (!thread_start(&threads[i], work, &workers[i + 1])) {
            /* Those that did not start will not arrive at the barrier at which pool_free lets the others end. */
            atomic_fetch_sub(&pool->missing, thread_count - 1 - pool->started_count);
            pool_free(pool);
            return error_set(error, RWKV_ERROR_THREAD, "the operating system gave %u of %u threads", (unsigned)i + 1,
                             (unsigned)thread_count);
        }
        pool->started_count++;
    }
    *result = pool;
    return RWKV_OK;
}

void pool_free(struct pool *pool) {
    if (!pool) return;
    pool->task = NULL;
    take_seats(pool, pool->thread_count);
    pool_barrier(&pool->workers[0]);
    for (uint32_t i = 0; i < pool->started_count; i++) thread_join(&pool->threads[i]);
    condition_destroy(&pool->seats_changed);
    condition_destroy(&pool->phase_changed);
    mutex_destroy(&pool->mutex);
    free(pool->threads);
    free(pool->seats);
    free(pool->shares);
    free(pool->workers);
    free(pool);
}
