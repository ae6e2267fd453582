#if !defined(_WIN32)
#define _GNU_SOURCE /* madvise */
#endif
#include "pages.h"

#include <stdint.h>

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

void pages_prefer_huge(const void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}

void pages_prefer_small(const void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}

/* Unlocking pages that are not locked is documented to take them out of the working set. */
void pages_release(const void *memory, size_t bytes) { VirtualUnlock((void *)(uintptr_t)memory, bytes); }

#else

#include <sys/mman.h>
#include <unistd.h>

#if !defined(MADV_HUGEPAGE) /* not Linux */
#define MADV_HUGEPAGE MADV_NORMAL
#define MADV_NOHUGEPAGE MADV_NORMAL
#endif

/* madvise of whole pages from the one that holds the first byte on. */
static void advise(const void *memory, size_t bytes, int advice) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)memory / page * page;
    madvise((void *)begin, (uintptr_t)memory + bytes - begin, advice);
}

void pages_prefer_huge(const void *memory, size_t bytes) { advise(memory, bytes, MADV_HUGEPAGE); }

void pages_prefer_small(const void *memory, size_t bytes) { advise(memory, bytes, MADV_NOHUGEPAGE); }

void pages_release(const void *memory, size_t bytes) { advise(memory, bytes, MADV_DONTNEED); }

#endif
