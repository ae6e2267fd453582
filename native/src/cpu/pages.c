#if !defined(_WIN32)
#define _GNU_SOURCE /* madvise */
#endif
#include "pages.h"

#include <stdint.h>

#define CACHE_LINE 64

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

size_t pages_alignment(size_t bytes) {
    (void)bytes;
    return CACHE_LINE;
}

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

#if defined(MADV_HUGEPAGE)
size_t pages_alignment(size_t bytes) { return bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : CACHE_LINE; }
#else /* not Linux */
size_t pages_alignment(size_t bytes) {
    (void)bytes;
    return CACHE_LINE;
}
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
