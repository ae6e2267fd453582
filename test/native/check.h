/*
 * What the native tests share: checks that count, and random numbers that are the same in every run.
 *
 *     int main(void) {
 *         CHECK(add(1, 2) == 3, "add(1, 2) is %d", add(1, 2));
 *         return check_result();
 *     }
 */
#ifndef RWKV_CHECK_H
#define RWKV_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long check_count;
static unsigned long check_failures;

/* Counts; when the condition is false, prints where and the message (as for printf). The test goes on. */
#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        check_count++;                                                                                                 \
        if (!(condition) && check_failures++ < 20) {                                                                   \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                     \
            printf(__VA_ARGS__);                                                                                       \
            printf("\n");                                                                                              \
        }                                                                                                              \
    } while (0)

/* The exit status of the test, after a summary. A test that checked nothing has failed. */
static inline int check_result(void) {
    printf("%lu checks, %lu failed\n", check_count, check_failures);
    return check_count > 0 && check_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* malloc for tests: exactly this many bytes, so that a sanitizer sees every access beyond. */
static inline void *check_allocate(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) {
        printf("no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* xorshift64*, Vigna 2016. */
static uint64_t check_random_state = 0x9E3779B97F4A7C15u;

static inline uint32_t check_random(void) {
    uint64_t x = check_random_state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    check_random_state = x;
    return (uint32_t)((x * 0x2545F4914F6CDD1Du) >> 32);
}

/* Uniform in [low, high). */
static inline float check_random_float(float low, float high) {
    return low + (high - low) * ((float)(check_random() >> 8) * 0x1p-24f);
}

#endif
