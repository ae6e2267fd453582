#include "limits.h"

#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512vnni")))
#ifdef RWKV_AVXVNNI_AS_EVEX
#define AVXVNNI __attribute__((target("avx512vl,avx512vnni")))
#define DPBUSD _mm256_dpbusd_epi32
#else
#define AVXVNNI __attribute__((target("avx2,avxvnni")))
#define DPBUSD _mm256_dpbusd_avx_epi32
#endif
#elif defined(__aarch64__)
#include <arm_neon.h>
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#define I8MM __attribute__((target("arch=armv8.2-a+i8mm")))
#endif

/* The compiler does not know what is in `x` any more: it computes again what depends on it. */
#if defined(__aarch64__)
#define FORGET(x) __asm__ volatile("" : "+w"(x))
#else
#define FORGET(x) __asm__ volatile("" : "+v"(x))
#endif

/* ------------------------------------------------------------------ reading */

typedef uint64_t read_loop(const char *p, size_t bytes);

/* XORs all of `bytes`, a multiple of 8 registers of REGISTER bytes, in as many chains. */
#define READ_LOOP(function, REGISTER, target)                                                                          \
    target static uint64_t function(const char *p, size_t bytes) {                                                     \
        typedef uint64_t words __attribute__((vector_size(REGISTER)));                                                 \
        words sums[8] = {{0}};                                                                                         \
        for (const words *w = (const words *)p, *end = w + bytes / REGISTER; w < end; w += 8)                          \
            for (size_t i = 0; i < 8; i++) sums[i] ^= w[i];                                                            \
        for (size_t i = 1; i < 8; i++) sums[0] ^= sums[i];                                                             \
        return sums[0][0];                                                                                             \
    }

READ_LOOP(read_16, 16, )
#if defined(__x86_64__) || defined(_M_X64)
READ_LOOP(read_avx2, 32, AVX2)
READ_LOOP(read_avx512, 64, AVX512)
#endif

/* ------------------------------------------------------------------ multiplying */

/* As many chains hide the latency of the instructions in any processor of today. Each has a variable of its own: an
 * array would be kept in memory. */
#define CHAINS 12

enum { STEPS = 1 << 16 };

/* Does STEPS steps of CHAINS instructions. */
typedef void multiply_add_chains(void);

/* A chain is sum = step(sum), again and again, from zero. */
#define MULTIPLY_ADD_CHAINS(function, type, zero, step, target)                                                        \
    target static inline type function##_step(type sum) {                                                              \
        sum = step;                                                                                                    \
        FORGET(sum);                                                                                                   \
        return sum;                                                                                                    \
    }                                                                                                                  \
    target static void function(void) {                                                                                \
        type s0 = zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0, s10 = s0,     \
             s11 = s0;                                                                                                 \
        for (size_t n = 0; n < STEPS; n++) {                                                                           \
            s0 = function##_step(s0), s1 = function##_step(s1), s2 = function##_step(s2);                              \
            s3 = function##_step(s3), s4 = function##_step(s4), s5 = function##_step(s5);                              \
            s6 = function##_step(s6), s7 = function##_step(s7), s8 = function##_step(s8);                              \
            s9 = function##_step(s9), s10 = function##_step(s10), s11 = function##_step(s11);                          \
        }                                                                                                              \
    }

#if defined(__x86_64__) || defined(_M_X64)
MULTIPLY_ADD_CHAINS(int8_avx512, __m512i, _mm512_setzero_si512(),
                    _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), _mm512_set1_epi8(1)), AVX512)
#ifdef RWKV_AVXVNNI
MULTIPLY_ADD_CHAINS(int8_avxvnni, __m256i, _mm256_setzero_si256(),
                    DPBUSD(sum, _mm256_set1_epi8(1), _mm256_set1_epi8(1)), AVXVNNI)
#endif
MULTIPLY_ADD_CHAINS(f32_avx512, __m512, _mm512_setzero_ps(), _mm512_fmadd_ps(_mm512_set1_ps(1), _mm512_set1_ps(1), sum),
                    AVX512)
MULTIPLY_ADD_CHAINS(f32_avx2, __m256, _mm256_setzero_ps(), _mm256_fmadd_ps(_mm256_set1_ps(1), _mm256_set1_ps(1), sum),
                    AVX2)

/* The 16-bit sums of vpmaddubsw have to be added. */
AVX2 static inline __m256i maddubs(__m256i sum) {
    __m256i weights = _mm256_set1_epi8(1);
    FORGET(weights);
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, _mm256_set1_epi8(1)));
}
MULTIPLY_ADD_CHAINS(int8_avx2, __m256i, _mm256_setzero_si256(), maddubs(sum), AVX2)
#elif defined(__aarch64__)
MULTIPLY_ADD_CHAINS(int8_i8mm, int32x4_t, vdupq_n_s32(0), vmmlaq_s32(sum, vdupq_n_s8(1), vdupq_n_s8(1)), I8MM)
MULTIPLY_ADD_CHAINS(int8_dotprod, int32x4_t, vdupq_n_s32(0), vdotq_s32(sum, vdupq_n_s8(1), vdupq_n_s8(1)), DOTPROD)
MULTIPLY_ADD_CHAINS(int8_neon, int16x8_t, vdupq_n_s16(0), vmlal_s8(sum, vdup_n_s8(1), vdup_n_s8(1)), )
MULTIPLY_ADD_CHAINS(f32_neon, float32x4_t, vdupq_n_f32(0), vfmaq_f32(sum, vdupq_n_f32(1), vdupq_n_f32(1)), )
#endif

/* ------------------------------------------------------------------ of a tier */

static const struct tier_limits {
    const char *tier;
    read_loop *read;
    multiply_add_chains *int8;
    size_t int8_width; /* multiply-adds of an instruction */
    multiply_add_chains *f32;
    size_t f32_width;
} tiers[] = {
#if defined(__x86_64__) || defined(_M_X64)
    {"zen4", read_avx512, int8_avx512, 64, f32_avx512, 16},
    {"avx512", read_avx512, int8_avx512, 64, f32_avx512, 16},
#ifdef RWKV_AVXVNNI
    {"avxvnni", read_avx2, int8_avxvnni, 32, f32_avx2, 8},
#endif
    {"avx2", read_avx2, int8_avx2, 32, f32_avx2, 8},
#elif defined(__aarch64__)
    {"i8mm", read_16, int8_i8mm, 32, f32_neon, 4},
    {"dotprod", read_16, int8_dotprod, 16, f32_neon, 4},
    {"neon", read_16, int8_neon, 8, f32_neon, 4},
#endif
    {"scalar", read_16, NULL, 0, NULL, 0},
};

static const struct tier_limits *limits_of(const char *tier) {
    const struct tier_limits *limits = tiers;
    while (strcmp(limits->tier, tier) != 0 && strcmp(limits->tier, "scalar") != 0) limits++;
    return limits;
}

/* ------------------------------------------------------------------ measuring */

struct reading {
    read_loop *read;
    const char *data;
    size_t bytes, thread_bytes; /* of an item; from one thread's to the next one's */
};

static void read_item(const void *argument, size_t item, uint32_t thread) {
    const struct reading *r = argument;
    const uint64_t sum = r->read(r->data + item * r->bytes + thread * r->thread_bytes, r->bytes);
    __asm__ volatile("" : : "r"(sum)); /* it is wanted */
}

static double cache_bandwidth(const struct bench *bench, struct reading reading, size_t bytes) {
    reading.bytes = bytes;
    reading.thread_bytes = CACHE_2_BYTES;
    const struct workload workload = {.item = read_item, .argument = &reading, .items = 1, .each = true};
    double spread;
    return (double)bytes * bench->threads / bench_seconds(bench, &workload, &spread);
}

/* The threads take pieces as they do of matrices, see matrix_benches.c. */
static double memory_bandwidth(const struct bench *bench, struct reading reading) {
    reading.bytes = 128 << 10;
    const struct workload workload = {.item = read_item, .argument = &reading, .items = MEMORY_BYTES / reading.bytes};
    double spread;
    return MEMORY_BYTES / bench_seconds(bench, &workload, &spread);
}

static void chains_item(const void *argument, size_t item, uint32_t thread) {
    (void)item, (void)thread;
    (*(multiply_add_chains *const *)argument)();
}

static double multiply_adds(const struct bench *bench, multiply_add_chains *chains, size_t width) {
    if (!chains) return 0;
    const struct workload workload = {.item = chains_item, .argument = &chains, .items = 1, .each = true};
    double spread;
    return (double)CHAINS * STEPS * (double)width * bench->threads / bench_seconds(bench, &workload, &spread);
}

void limits_measure(struct bench *bench) {
    const struct tier_limits *tier = limits_of(bench->kernels->name);
    bench_begin(bench);
    char *data = bench_take(bench, MEMORY_BYTES);
    memset(data, 1, MEMORY_BYTES);
    const struct reading reading = {.read = tier->read, .data = data};
    bench->limits.memory = memory_bandwidth(bench, reading);
    bench->limits.cache_2 = cache_bandwidth(bench, reading, CACHE_2_BYTES);
    bench->limits.cache_1 = cache_bandwidth(bench, reading, CACHE_1_BYTES);
    bench->limits.int8 = multiply_adds(bench, tier->int8, tier->int8_width);
    bench->limits.f32 = multiply_adds(bench, tier->f32, tier->f32_width);
}
