/*
 * add_products of gemm.inc for tiers whose dot_unsigned is one instruction, vpdpbusd: no sum needs an intermediate
 * place.
 */
#ifndef RWKV_VNNI_H
#define RWKV_VNNI_H

INLINE void add_products(integers sum[MAX_TILE][2], const void *q, const char *x, size_t x_stride, const int first,
                         const int count, const enum panel panel, const int tokens) {
    (void)panel; /* any weights, as all are unsigned */
    const integers *weights = q;
    UNROLL
    for (int k = first; k < first + count; k++) {
        const integers w0 = load(weights + 2 * k), w1 = load(weights + 2 * k + 1);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            const integers four = broadcast_4(x + (size_t)t * x_stride + 4 * k);
            sum[t][0] = dot_unsigned(sum[t][0], w0, four);
            sum[t][1] = dot_unsigned(sum[t][1], w1, four);
        }
    }
}

#endif
