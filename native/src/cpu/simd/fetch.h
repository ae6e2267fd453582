/*
 * Weights that will be needed soon, on their way into the cache.
 *
 * Weights are read once for each token, so that nearly all come from memory. The processor's own prefetchers see that
 * they lie in a row, but stop at the end of each page of 4 KiB and start anew in the next. Kernels that have little to
 * compute for a byte catch up; for those of 4 bits it costs a sixth of the speed (Zen 4). Those of floats don't fetch
 * ahead: they keep up with memory anyway, and would be slower.
 */
#ifndef RWKV_FETCH_H
#define RWKV_FETCH_H

#include <stddef.h>

#include "inline.h"

/* Fetches a line of the cache, as far as cache 1 or 2. It may lie anywhere. */
INLINE void fetch_line(const void *p, const int cache) {
    if (cache == 1)
        __builtin_prefetch(p, 0, 3);
    else
        __builtin_prefetch(p, 0, 2);
}

/* Bytes between what is being read and what is fetched. */
#define FETCH_DISTANCE 3072

/* At p `bytes` bytes are being read: fetches as many of those that come after. They may lie anywhere. */
INLINE void fetch_ahead(const void *p, const size_t bytes) {
    UNROLL
    for (size_t at = 0; at < bytes; at += 64) fetch_line((const char *)p + FETCH_DISTANCE + at, 1);
}

/* Fetches `bytes` bytes, which may lie anywhere, as far as the second cache. */
INLINE void fetch_to_cache_2(const void *p, const size_t bytes) {
    UNROLL
    for (size_t at = 0; at < bytes; at += 64) fetch_line((const char *)p + at, 2);
}

#endif
