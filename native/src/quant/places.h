/*
 * Puts into a block which of the levels each of its elements has, and leaves scales and minima alone. Levels are
 * counted from the lowest.
 */
#ifndef RWKV_PLACES_H
#define RWKV_PLACES_H

#include "blocks.h"

/* ------------------------------------------------------------------ blocks of 32 */

/* Eight at a time: compilers make a mess of single bytes. */
static inline void store_nibbles(uint8_t qs[16], const uint8_t q[32]) {
    for (int e = 0; e < 16; e += 8) {
        uint64_t low, high;
        memcpy(&low, q + e, sizeof low);
        memcpy(&high, q + 16 + e, sizeof high);
        const uint64_t both = (low & 0x0f0f0f0f0f0f0f0f) | (high & 0x0f0f0f0f0f0f0f0f) << 4;
        memcpy(qs + e, &both, sizeof both);
    }
}

static inline void store_fifth_bits(uint8_t qh[4], const uint8_t q[32]) {
    uint32_t bits = 0;
    for (int e = 0; e < 32; e++) bits |= (uint32_t)(q[e] >> 4) << e;
    store_u16(qh, (uint16_t)bits);
    store_u16(qh + 2, (uint16_t)(bits >> 16));
}

static inline void store_places_q8_0(struct block_q8_0 *block, const uint8_t q[32]) {
    for (int e = 0; e < 32; e++) block->qs[e] = (int8_t)(q[e] - 127);
}

static inline void store_places_q4_0(struct block_q4_0 *block, const uint8_t q[32]) { store_nibbles(block->qs, q); }

static inline void store_places_q4_1(struct block_q4_1 *block, const uint8_t q[32]) { store_nibbles(block->qs, q); }

static inline void store_places_iq4_nl(struct block_iq4_nl *block, const uint8_t q[32]) { store_nibbles(block->qs, q); }

static inline void store_places_q5_0(struct block_q5_0 *block, const uint8_t q[32]) {
    store_nibbles(block->qs, q);
    store_fifth_bits(block->qh, q);
}

static inline void store_places_q5_1(struct block_q5_1 *block, const uint8_t q[32]) {
    store_nibbles(block->qs, q);
    store_fifth_bits(block->qh, q);
}

/* ------------------------------------------------------------------ blocks of 256 */

/* Element 128 n + 32 j + l at bit 2 j of bits[32 n + l]: bits `from` and `from` + 1 of q. */
static inline void store_two_bits(uint8_t bits[64], const uint8_t q[BLOCK_K], int from) {
    for (int i = 0; i < 64; i++) {
        const uint8_t *first = q + i / 32 * 128 + i % 32;
        bits[i] = 0;
        for (int j = 0; j < 4; j++) bits[i] |= (uint8_t)((first[32 * j] >> from & 3) << 2 * j);
    }
}

/* Groups 2g and 2g + 1 of 32 elements into the lower and upper halves of qs[32 g .. 32 g + 32): the lower 4 bits of q.
 */
static inline void store_nibbles_k(uint8_t qs[128], const uint8_t q[BLOCK_K]) {
    for (int i = 0; i < 128; i++) {
        const uint8_t *first = q + i / 32 * 64 + i % 32;
        qs[i] = (uint8_t)((first[0] & 15) | first[32] << 4);
    }
}

/* Bit `bit` of the elements l of all groups s of 32, as bit s of bits[l]. */
static inline void store_bits(uint8_t bits[32], const uint8_t q[BLOCK_K], int bit) {
    for (int l = 0; l < 32; l++) {
        bits[l] = 0;
        for (int s = 0; s < 8; s++) bits[l] |= (uint8_t)((q[32 * s + l] >> bit & 1) << s);
    }
}

static inline void store_places_q2_k(struct block_q2_k *block, const uint8_t q[BLOCK_K]) {
    store_two_bits(block->qs, q, 0);
}

static inline void store_places_q3_k(struct block_q3_k *block, const uint8_t q[BLOCK_K]) {
    store_two_bits(block->qs, q, 0);
    store_bits(block->hmask, q, 2);
}

static inline void store_places_q4_k(struct block_q4_k *block, const uint8_t q[BLOCK_K]) {
    store_nibbles_k(block->qs, q);
}

static inline void store_places_q5_k(struct block_q5_k *block, const uint8_t q[BLOCK_K]) {
    store_nibbles_k(block->qs, q);
    store_bits(block->qh, q, 4);
}

static inline void store_places_q6_k(struct block_q6_k *block, const uint8_t q[BLOCK_K]) {
    for (int half = 0; half < 2; half++) {
        for (int l = 0; l < 64; l++) {
            const uint8_t *first = q + 128 * half + l;
            block->ql[64 * half + l] = (uint8_t)((first[0] & 15) | first[64] << 4);
        }
    }
    store_two_bits(block->qh, q, 4);
}

#endif
