/* The thread pool: barriers, division of work, idleness, errors. Run under ThreadSanitizer too. */
#if !defined(_WIN32)
#define _GNU_SOURCE /* nanosleep, sigset_t, setrlimit */
#endif
#include "check.h"
#include "cpu/pool.h"
#include "cpu/thread.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>
#if !defined(_WIN32)
#include <signal.h>
#include <unistd.h>
#endif

#define MOST_THREADS 8
#define ITEMS 37

static struct pool *create(uint32_t thread_count) {
    struct pool *pool = NULL;
    struct rwkv_error error = {0};
    enum rwkv_status status = pool_create(thread_count, &pool, &error);
    CHECK(status == RWKV_OK, "%u threads: %s", (unsigned)thread_count, error.message);
    if (!pool) exit(check_result());
    CHECK(pool_thread_count(pool) == thread_count, "%u", (unsigned)pool_thread_count(pool));
    return pool;
}

/* ------------------------------------------------------------------ phases */

/*
 * Every phase replaces each value by the sum of its two neighbours in the previous phase: plain memory, so a barrier
 * that lets a thread through too early gives a wrong sum (and a data race), and so does an item taken twice or never.
 */
struct ring {
    size_t phases;
    uint32_t values[2][ITEMS];
    uint32_t taken[ITEMS];
};

static void ring_phase(struct ring *ring, size_t phase, size_t item) {
    const uint32_t *from = ring->values[phase % 2];
    ring->values[(phase + 1) % 2][item] = from[(item + 1) % ITEMS] + from[(item + ITEMS - 1) % ITEMS];
    ring->taken[item]++;
}

static void ring_task(void *argument, struct worker *worker) {
    struct ring *ring = argument;
    for (size_t phase = 0; phase < ring->phases; phase++) {
        for (size_t item; (item = pool_take(worker, ITEMS)) < ITEMS;) ring_phase(ring, phase, item);
        pool_barrier(worker);
    }
}

static void test_phases(uint32_t thread_count, size_t tasks, size_t phases) {
    struct ring ring = {.phases = phases}, expected = {.phases = phases};
    for (size_t i = 0; i < ITEMS; i++) ring.values[0][i] = expected.values[0][i] = (uint32_t)i * i + 1;

    struct pool *pool = create(thread_count);
    uint64_t start = thread_nanoseconds();
    for (size_t i = 0; i < tasks; i++) pool_run(pool, ring_task, &ring);
    double microseconds = (double)(thread_nanoseconds() - start) / 1000 / (double)(tasks * phases);
    pool_free(pool);
    if (phases > 0) printf("%u threads: %.2f us for a phase\n", (unsigned)thread_count, microseconds);

    for (size_t task = 0; task < tasks; task++)
        for (size_t phase = 0; phase < phases; phase++)
            for (size_t item = 0; item < ITEMS; item++) ring_phase(&expected, phase, item);
    CHECK(memcmp(&ring, &expected, sizeof ring) == 0, "%u threads", (unsigned)thread_count);
}

/* ------------------------------------------------------------------ who takes part */

struct roll {
    atomic_uint present[MOST_THREADS];
    struct pool *pool;
};

static void roll_task(void *argument, struct worker *worker) {
    struct roll *roll = argument;
    if (worker->pool == roll->pool && worker->index < MOST_THREADS) atomic_fetch_add(&roll->present[worker->index], 1);
}

static void test_every_thread_runs_the_task_once(uint32_t thread_count) {
    struct roll roll = {.pool = create(thread_count)};
    for (unsigned run = 1; run <= 100; run++) {
        pool_run(roll.pool, roll_task, &roll);
        for (uint32_t i = 0; i < MOST_THREADS; i++) {
            unsigned present = atomic_load(&roll.present[i]);
            CHECK(present == (i < thread_count ? run : 0), "worker %u of %u: %u of %u runs", (unsigned)i,
                  (unsigned)thread_count, present, run);
        }
    }
    pool_free(roll.pool);
}

struct first_items {
    size_t of[MOST_THREADS];
};

static void first_items_task(void *argument, struct worker *worker) {
    struct first_items *items = argument;
    items->of[worker->index] = pool_take(worker, ITEMS);
    pool_barrier(worker); /* so that nobody has taken another's before */
}

/* Items are divided among those that take part. */
static void test_shares(uint32_t thread_count) {
    struct pool *pool = create(thread_count);
    for (uint32_t threads = 1; threads <= thread_count; threads++) {
        struct first_items items = {{0}};
        pool_use(pool, threads);
        pool_run(pool, first_items_task, &items);
        for (uint32_t i = 0; i < threads; i++)
            CHECK(items.of[i] == (size_t)ITEMS * i / threads, "worker %u of %u begins with %zu", (unsigned)i,
                  (unsigned)threads, items.of[i]);
    }
    pool_free(pool);
}

/* Each task by other threads than the one before, and the pool ended whoever took part last. */
static void test_fewer_threads(uint32_t thread_count) {
    for (uint32_t last = 1; last <= thread_count; last++) {
        struct roll roll = {.pool = create(thread_count)};
        struct ring ring = {.phases = 5}, expected = {.phases = 5};
        for (size_t i = 0; i < ITEMS; i++) ring.values[0][i] = expected.values[0][i] = (uint32_t)i * i + 1;
        unsigned runs[MOST_THREADS] = {0};
        for (unsigned run = 0; run < 100; run++) {
            const uint32_t threads = run == 99 ? last : 1 + check_random() % thread_count;
            pool_use(roll.pool, thread_count - threads + 1); /* only what was said last counts */
            pool_use(roll.pool, threads);
            pool_run(roll.pool, roll_task, &roll);
            pool_run(roll.pool, ring_task, &ring);
            for (size_t phase = 0; phase < ring.phases; phase++)
                for (size_t item = 0; item < ITEMS; item++) ring_phase(&expected, phase, item);
            for (uint32_t i = 0; i < thread_count; i++) {
                const unsigned present = atomic_load(&roll.present[i]);
                runs[i] += i < threads;
                CHECK(present == runs[i], "worker %u: %u of %u runs", (unsigned)i, present, runs[i]);
            }
        }
        if (last % 2 == 0) pool_use(roll.pool, 1); /* and no task after that */
        pool_free(roll.pool);
        CHECK(memcmp(&ring, &expected, sizeof ring) == 0, "at most %u threads", (unsigned)thread_count);
    }
}

/* ------------------------------------------------------------------ sleeping */

static void nothing(void *argument, struct worker *worker) {
    (void)argument;
    (void)worker;
}

static void sleep_milliseconds(long milliseconds) {
#if defined(_WIN32)
    Sleep((DWORD)milliseconds);
#else
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
#endif
}

/* A worker that spun on would use the whole time, also one that takes no part. */
static void test_idle_threads_sleep(uint32_t threads) {
    struct pool *pool = create(4);
    pool_use(pool, threads);
    pool_run(pool, nothing, NULL);
#if !defined(_WIN32) /* where clock() is the process's processor time */
    clock_t start = clock();
    sleep_milliseconds(1000);
    double used = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK(used < 0.2, "%.3f s of processor time in a second of idleness", used);
#endif
    pool_run(pool, nothing, NULL);
    pool_free(pool);
}

#define UNEVEN_PHASES 6
#define UNEVEN_MILLISECONDS 5

struct sleeps {
    uint64_t slept[4];
};

static void uneven_task(void *argument, struct worker *worker) {
    struct sleeps *sleeps = argument;
    const uint64_t before = pool_slept(worker);
    for (unsigned phase = 0; phase < UNEVEN_PHASES; phase++) {
        if (phase % 4 == worker->index) sleep_milliseconds(UNEVEN_MILLISECONDS);
        pool_barrier(worker);
    }
    sleeps->slept[worker->index] += pool_slept(worker) - before;
}

/* Each phase outlasts the spinning: every wait ends in sleep and a wake-up. What is slept is known, save for what
 * threads arrive late. */
static void test_waiting_threads_are_woken(void) {
    enum { RUNS = 10 };
    struct pool *pool = create(4);
    struct sleeps sleeps = {{0}};
    const uint64_t start = thread_nanoseconds();
    for (int i = 0; i < RUNS; i++) pool_run(pool, uneven_task, &sleeps);
    const uint64_t elapsed = thread_nanoseconds() - start;
    pool_free(pool);
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t own_phases = UNEVEN_PHASES / 4 + (i < UNEVEN_PHASES % 4);
        const uint64_t least = RUNS * (UNEVEN_PHASES - own_phases) * UNEVEN_MILLISECONDS * 1000000 / 4;
        CHECK(sleeps.slept[i] >= least && sleeps.slept[i] <= elapsed, "worker %u slept for %.1f ms in %.1f ms", i,
              (double)sleeps.slept[i] * 1e-6, (double)elapsed * 1e-6);
    }
}

/* ------------------------------------------------------------------ errors */

static void test_errors(void) {
    struct rwkv_error error = {0};
    struct pool *pool = (struct pool *)&error;
    CHECK(pool_create(0, &pool, &error) == RWKV_ERROR_ARGUMENT, "status %d", (int)error.status);
    CHECK(error.status == RWKV_ERROR_ARGUMENT && error.message[0], "%s", error.message);
    CHECK(pool == NULL, "result of a failure");
    pool_free(NULL);
}

static void test_error_message_is_cut_after_a_character(void) {
    struct rwkv_error error = {0};
    char text[1000] = "";
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        text[lead] = 0;
        while (strlen(text) + 3 < sizeof text) strcat(text, "\xE2\x82\xAC"); /* the euro sign, three bytes */
        CHECK(error_set(&error, RWKV_ERROR_MODEL, "%s", text) == RWKV_ERROR_MODEL, "status");
        size_t length = strlen(error.message);
        CHECK((length - lead) % 3 == 0 && length > sizeof error.message - 4, "length %zu after %zu", length, lead);
        CHECK(memcmp(error.message, text, length) == 0, "text");
    }
    error_set(&error, RWKV_ERROR_ARGUMENT, "token %d", 7);
    CHECK(strcmp(error.message, "token 7") == 0, "%s", error.message);
    CHECK(error_set(NULL, RWKV_ERROR_MEMORY, "nobody asks") == RWKV_ERROR_MEMORY, "status");
}

#if !defined(_WIN32)
struct masks {
    bool blocked[MOST_THREADS], faults_blocked[MOST_THREADS];
};

static void masks_task(void *argument, struct worker *worker) {
    struct masks *masks = argument;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    masks->blocked[worker->index] =
        sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGQUIT) == 1;
    masks->faults_blocked[worker->index] = sigismember(&mask, SIGSEGV) == 1 || sigismember(&mask, SIGBUS) == 1;
}

static void test_workers_take_no_signals(void) {
    struct masks masks = {0};
    struct pool *pool = create(3);
    pool_run(pool, masks_task, &masks);
    pool_free(pool);
    CHECK(!masks.blocked[0], "the calling thread's mask must be left alone");
    for (int i = 1; i < 3; i++) CHECK(masks.blocked[i], "worker %d", i);
    for (int i = 0; i < 3; i++) CHECK(!masks.faults_blocked[i], "worker %d", i);
}
#endif

/* A sanitizer's runtime needs the address space that this test takes away. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#if defined(__linux__) && !defined(SANITIZED)
#include <sys/resource.h>

/* With no address space for a fourth stack or so: an error that says so, and the threads that did start have ended. */
static void test_too_few_threads(void) {
    struct rlimit before, tight;
    getrlimit(RLIMIT_AS, &before);
    tight = before;
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool known = file && fscanf(file, "%ld", &pages) == 1;
    if (file) fclose(file);
    CHECK(known, "/proc/self/statm");
    tight.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + 16 * 1024 * 1024;
    setrlimit(RLIMIT_AS, &tight);
    void *volatile beyond = malloc((size_t)1 << 30);
    if (beyond) {
        setrlimit(RLIMIT_AS, &before);
        free(beyond);
        printf("skipped: running out of threads, nothing enforces RLIMIT_AS here\n");
        return;
    }
    struct rwkv_error error = {0};
    struct pool *pool = NULL;
    enum rwkv_status status = pool_create(200, &pool, &error);
    setrlimit(RLIMIT_AS, &before);
    CHECK(status == RWKV_ERROR_THREAD && pool == NULL, "status %d", (int)status);
    CHECK(strstr(error.message, "of 200 threads"), "%s", error.message);
    printf("%s\n", error.message);
    pool_free(pool);
    pool = create(2);
    pool_run(pool, nothing, NULL);
    pool_free(pool);
}
#else
static void test_too_few_threads(void) { printf("skipped: running out of threads, needs Linux and no sanitizer\n"); }
#endif

int main(void) {
    CHECK(thread_processor_count() >= 1, "%u", (unsigned)thread_processor_count());
    for (uint32_t thread_count = 1; thread_count <= MOST_THREADS; thread_count++) {
        test_phases(thread_count, 200, 25);
        test_phases(thread_count, 1000, 0);
        test_every_thread_runs_the_task_once(thread_count);
        test_fewer_threads(thread_count);
        test_shares(thread_count);
    }
    test_idle_threads_sleep(4);
    test_idle_threads_sleep(2);
    test_waiting_threads_are_woken();
    test_errors();
    test_error_message_is_cut_after_a_character();
#if !defined(_WIN32)
    test_workers_take_no_signals();
#endif
    test_too_few_threads();
    return check_result();
}
