/* What the matrix kernels of all tiers with vector registers share. */
#ifndef RWKV_INLINE_H
#define RWKV_INLINE_H

/* For functions that are parameters, or have some, which only inlining makes constant. */
#define INLINE static inline __attribute__((always_inline))

/* A loop of a constant length over an array of registers must be unrolled, or the array lives in memory. */
#define UNROLL _Pragma("GCC unroll 8")

#endif
