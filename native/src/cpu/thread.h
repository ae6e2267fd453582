/*
 * What the pool needs of the operating system: threads, a mutex, a condition, a clock. POSIX or Win32.
 */
#ifndef RWKV_THREAD_H
#define RWKV_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
struct thread {
    HANDLE handle;
};
struct mutex {
    SRWLOCK lock;
};
struct condition {
    CONDITION_VARIABLE variable;
};
#else
#include <pthread.h>
struct thread {
    pthread_t handle;
};
struct mutex {
    pthread_mutex_t lock;
};
struct condition {
    pthread_cond_t variable;
};
#endif

/*
 * Starts a thread that runs start(argument). It has a small stack (512 KiB) and blocks every signal that is not
 * caused by its own instructions, so that the handlers of the host process (a JVM, usually) never run on it.
 * Returns false if the operating system gives none.
 */
bool thread_start(struct thread *thread, void (*start)(void *argument), void *argument);
void thread_join(struct thread *thread);

/* The number of processors that this process may run on, at least 1. */
uint32_t thread_processor_count(void);

/* Nanoseconds of a clock that never goes back. */
uint64_t thread_nanoseconds(void);

/* Nanoseconds that this thread has had a processor. Windows does not know them so exactly: those that passed. */
uint64_t thread_busy_nanoseconds(void);

/* How often this process has waited for a page of a mapped file to be read. Windows does not know it: 0. */
uint64_t process_disk_reads(void);

/* Tells the processor that this thread is waiting in a loop. */
static inline void thread_pause(void) {
#if defined(_WIN32)
    YieldProcessor();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* `yield` is a no-op on most cores: far too short */
#endif
}

/* False if the operating system has no room for them. */
bool mutex_init(struct mutex *mutex);
void mutex_destroy(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

bool condition_init(struct condition *condition);
void condition_destroy(struct condition *condition);
/* Unlocks the mutex, waits, locks it again; may return without a reason. */
void condition_wait(struct condition *condition, struct mutex *mutex);
void condition_wake_all(struct condition *condition);

#endif
