/*
 * Which tier runs: the best one that the processor has and the operating system lets be used, or the one that
 * RWKV_CPU_TIER names. Decided once for the life of the process.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/rwkv.h"
#include "../error.h"
#include "kernels.h"
#include "thread.h"

/* ------------------------------------------------------------------ what runs here */

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>

/* The register state that the operating system saves and restores (XCR0), 0 if it saves none but the basic one. */
static uint64_t saved_state(uint32_t features_1_ecx) {
    if (!(features_1_ecx & bit_OSXSAVE)) return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has_avx2(void) {
    enum { XMM_AND_YMM = 6 };
    const uint32_t needed_1 = bit_AVX | bit_FMA | bit_F16C, needed_7 = bit_AVX2;
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
    if ((ecx & needed_1) != needed_1 || (saved_state(ecx) & XMM_AND_YMM) != XMM_AND_YMM) return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & needed_7) == needed_7;
}

static bool has_avx512(void) {
    enum { MASKS_AND_ZMM = 0xe6 };
    const uint32_t needed_7_ebx = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    uint32_t eax, ebx, ecx, edx;
    if (!has_avx2() || !__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
    if ((saved_state(ecx) & MASKS_AND_ZMM) != MASKS_AND_ZMM) return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & needed_7_ebx) == needed_7_ebx &&
           (ecx & bit_AVX512VNNI);
}

#ifdef RWKV_AVXVNNI
static bool has_avxvnni(void) {
#ifdef RWKV_AVXVNNI_AS_EVEX /* a build for tests */
    return has_avx512();
#else
    uint32_t last, eax, ebx, ecx, edx;
    if (!has_avx2() || !__get_cpuid_count(7, 0, &last, &ebx, &ecx, &edx) || last < 1) return false;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & bit_AVXVNNI);
#endif
}
#endif

/* AMD's processors with AVX-512, Zen 4 and later, see zen4/gemm_zen4.c. */
static bool has_zen4(void) {
    uint32_t eax, ebx, ecx, edx;
    return has_avx512() && __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == signature_AMD_ebx &&
           ecx == signature_AMD_ecx && edx == signature_AMD_edx && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
           (ecx & bit_AVX512VBMI);
}

#elif defined(__aarch64__)
/* Programs may not read the processor's own description: the operating system tells. */
#if defined(__linux__)
#include <sys/auxv.h>

/* Bits of the kernel's interface, which older headers lack. */
static bool has_dotprod(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
static bool has_i8mm(void) { return has_dotprod() && (getauxval(AT_HWCAP2) >> 13 & 1); }

#elif defined(__APPLE__)
#include <sys/sysctl.h>

static bool has_feature(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

static bool has_dotprod(void) { return has_feature("hw.optional.arm.FEAT_DotProd"); }
static bool has_i8mm(void) { return has_dotprod() && has_feature("hw.optional.arm.FEAT_I8MM"); }

#elif defined(_WIN32)
static bool has_dotprod(void) { return IsProcessorFeaturePresent(43); } /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE */
static bool has_i8mm(void) { return false; }                            /* Windows does not tell */

#else
static bool has_dotprod(void) { return false; }
static bool has_i8mm(void) { return false; }
#endif
#endif

static bool has_nothing_special(void) { return true; }

/* Best first. */
static const struct {
    const struct kernels *kernels;
    bool (*runs_here)(void);
} tiers[] = {
#if defined(__x86_64__) || defined(_M_X64)
    {&zen4_kernels, has_zen4},
    {&avx512_kernels, has_avx512},
#ifdef RWKV_AVXVNNI
    {&avxvnni_kernels, has_avxvnni},
#endif
    {&avx2_kernels, has_avx2},
#elif defined(__aarch64__)
    {&i8mm_kernels, has_i8mm},
    {&dotprod_kernels, has_dotprod},
    {&neon_kernels, has_nothing_special},
#endif
    {&scalar_kernels, has_nothing_special},
};

enum { TIER_COUNT = sizeof tiers / sizeof *tiers };

size_t kernels_available(const struct kernels **available, size_t capacity) {
    size_t count = 0;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        if (!tiers[i].runs_here()) continue;
        if (count < capacity) available[count] = tiers[i].kernels;
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------ the choice */

static const char *forced_tier(void) {
    const char *name = getenv("RWKV_CPU_TIER");
    return name && *name ? name : NULL;
}

static const struct kernels no_kernels; /* stands for: RWKV_CPU_TIER names nothing that runs here */

static const struct kernels *choose(void) {
    const struct kernels *available[TIER_COUNT];
    const size_t count = kernels_available(available, TIER_COUNT);
    const char *forced = forced_tier();
    if (!forced) return available[0];
    for (size_t i = 0; i < count; i++)
        if (strcmp(available[i]->name, forced) == 0) return available[i];
    return &no_kernels;
}

const struct kernels *kernels_get(void) {
    static _Atomic(const struct kernels *) chosen;
    const struct kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!kernels) { /* of threads that come here at once, the first decides for all */
        const struct kernels *mine = choose();
        if (atomic_compare_exchange_strong(&chosen, &kernels, mine)) kernels = mine;
    }
    return kernels == &no_kernels ? NULL : kernels;
}

/* ------------------------------------------------------------------ the public function */

/* Appends as much of a word as fits, after a space unless it is the first. */
static void append(char *text, size_t capacity, const char *word) {
    const size_t length = strlen(text);
    if (length > 0 && length + 1 < capacity) strncat(text, " ", capacity - length - 1);
    strncat(text, word, capacity - strlen(text) - 1);
}

enum rwkv_status rwkv_cpu_info(struct rwkv_cpu_info *info, struct rwkv_error *error) {
    if (!info || info->struct_size == 0)
        return error_set(error, RWKV_ERROR_ARGUMENT, "rwkv_cpu_info: info is NULL or its struct_size 0");

    struct rwkv_cpu_info filled = {.struct_size = info->struct_size, .processor_count = thread_processor_count()};
    const struct kernels *available[TIER_COUNT];
    const size_t count = kernels_available(available, TIER_COUNT);
    for (size_t i = 0; i < count; i++) append(filled.tiers, sizeof filled.tiers, available[i]->name);

    const struct kernels *kernels = kernels_get();
    if (!kernels) {
        const char *forced = forced_tier();
        return error_set(error, RWKV_ERROR_ARGUMENT, "RWKV_CPU_TIER is \"%s\", but this processor can run: %s",
                         forced ? forced : "", filled.tiers);
    }
    append(filled.tier, sizeof filled.tier, kernels->name);
    memcpy(info, &filled, info->struct_size < sizeof filled ? info->struct_size : sizeof filled);
    return RWKV_OK;
}
