/*
 * What the operating system can be told of the pages of memory. Hints: where it takes none, nothing happens.
 */
#ifndef RWKV_PAGES_H
#define RWKV_PAGES_H

#include <stddef.h>

/* Pages of this size make reading far and wide faster. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* Memory of so many bytes should begin at a multiple of this: of HUGE_PAGE_BYTES if it fills some of them and the
 * system has them, else of a line of the cache. */
size_t pages_alignment(size_t bytes);

/* These `bytes`, which are allocated or those of a mapped file, had better lie in huge pages. */
void pages_prefer_huge(const void *memory, size_t bytes);

/* These had better not: few of them are read, or not for long, and a huge page would make all around these resident. */
void pages_prefer_small(const void *memory, size_t bytes);

/*
 * All pages that these bytes touch will not be read soon and need not be resident. They must belong to a file that is
 * mapped and has not been written to through this mapping: what is read of them later comes from the file again.
 */
void pages_release(const void *memory, size_t bytes);

#endif
