#if !defined(_WIN32)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "thread.h"

#include <stdlib.h>

#define STACK_BYTES (512 * 1024)

/* What a new thread is to run; the thread frees it. */
struct entry {
    void (*start)(void *argument);
    void *argument;
};

static struct entry *entry_new(void (*start)(void *argument), void *argument) {
    struct entry *entry = malloc(sizeof *entry);
    if (entry) *entry = (struct entry){start, argument};
    return entry;
}

static void entry_run(struct entry *entry) {
    struct entry copy = *entry;
    free(entry);
    copy.start(copy.argument);
}

#if defined(_WIN32)

#include <process.h>

static unsigned __stdcall run(void *entry) {
    entry_run(entry);
    return 0;
}

bool thread_start(struct thread *thread, void (*start)(void *argument), void *argument) {
    struct entry *entry = entry_new(start, argument);
    if (!entry) return false;
    thread->handle = (HANDLE)_beginthreadex(NULL, STACK_BYTES, run, entry, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!thread->handle) free(entry);
    return thread->handle != NULL;
}

void thread_join(struct thread *thread) {
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

uint32_t thread_processor_count(void) {
    DWORD_PTR allowed = 0, system = 0;
    uint32_t count = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &allowed, &system))
        for (; allowed; allowed &= allowed - 1) count++;
    /* A process in several groups of 64 processors has a mask of 0: then all are allowed. */
    if (count == 0) count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return count ? count : 1;
}

uint64_t thread_nanoseconds(void) {
    LARGE_INTEGER frequency, now;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    uint64_t ticks = (uint64_t)now.QuadPart, per_second = (uint64_t)frequency.QuadPart;
    return ticks / per_second * 1000000000 + ticks % per_second * 1000000000 / per_second;
}

uint64_t thread_busy_nanoseconds(void) { return thread_nanoseconds(); }

uint64_t process_disk_reads(void) { return 0; }

bool mutex_init(struct mutex *mutex) {
    InitializeSRWLock(&mutex->lock);
    return true;
}

void mutex_destroy(struct mutex *mutex) { (void)mutex; }
void mutex_lock(struct mutex *mutex) { AcquireSRWLockExclusive(&mutex->lock); }
void mutex_unlock(struct mutex *mutex) { ReleaseSRWLockExclusive(&mutex->lock); }

bool condition_init(struct condition *condition) {
    InitializeConditionVariable(&condition->variable);
    return true;
}

void condition_destroy(struct condition *condition) { (void)condition; }

void condition_wait(struct condition *condition, struct mutex *mutex) {
    SleepConditionVariableSRW(&condition->variable, &mutex->lock, INFINITE, 0);
}

void condition_wake_all(struct condition *condition) { WakeAllConditionVariable(&condition->variable); }

#else

#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

static void *run(void *entry) {
    entry_run(entry);
    return NULL;
}

/* All signals but those that an instruction of the thread itself raises; these must reach the host's handlers. */
static void asynchronous_signals(sigset_t *signals) {
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigfillset(signals);
    for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++) sigdelset(signals, synchronous[i]);
}

bool thread_start(struct thread *thread, void (*start)(void *argument), void *argument) {
    struct entry *entry = entry_new(start, argument);
    if (!entry) return false;

    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        free(entry);
        return false;
    }
    pthread_attr_setstacksize(&attributes, STACK_BYTES);

    /* A thread inherits the mask of the one that creates it. */
    sigset_t blocked, before;
    asynchronous_signals(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    bool started = pthread_create(&thread->handle, &attributes, run, entry) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    pthread_attr_destroy(&attributes);
    if (!started) free(entry);
    return started;
}

void thread_join(struct thread *thread) { pthread_join(thread->handle, NULL); }

uint32_t thread_processor_count(void) {
#if defined(__linux__)
    /* The set is as large as the kernel's: try until it fits. */
    for (int processors = 1024; processors <= 1 << 20; processors *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)processors);
        if (!set) break;
        int count = 0;
        if (sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)processors), set) == 0)
            count = CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)processors), set);
        CPU_FREE(set);
        if (count > 0) return (uint32_t)count;
    }
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

uint64_t thread_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t thread_busy_nanoseconds(void) {
    struct timespec busy;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &busy);
    return (uint64_t)busy.tv_sec * 1000000000 + (uint64_t)busy.tv_nsec;
}

uint64_t process_disk_reads(void) {
    struct rusage usage = {.ru_majflt = 0};
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_majflt;
}

bool mutex_init(struct mutex *mutex) { return pthread_mutex_init(&mutex->lock, NULL) == 0; }
void mutex_destroy(struct mutex *mutex) { pthread_mutex_destroy(&mutex->lock); }
void mutex_lock(struct mutex *mutex) { pthread_mutex_lock(&mutex->lock); }
void mutex_unlock(struct mutex *mutex) { pthread_mutex_unlock(&mutex->lock); }

bool condition_init(struct condition *condition) { return pthread_cond_init(&condition->variable, NULL) == 0; }
void condition_destroy(struct condition *condition) { pthread_cond_destroy(&condition->variable); }

void condition_wait(struct condition *condition, struct mutex *mutex) {
    pthread_cond_wait(&condition->variable, &mutex->lock);
}

void condition_wake_all(struct condition *condition) { pthread_cond_broadcast(&condition->variable); }

#endif
