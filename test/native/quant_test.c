/* The block formats: 16-bit floats, known blocks, round trips, error bounds, refusals. */
#include "../../native/src/quant/blocks.h"

#include <math.h>

#include "../../native/include/rwkv.h"
#include "block_vectors.h"
#include "check.h"

/* ------------------------------------------------------------------ 16-bit floats */

/* Each half survives the way to float and back, and floats between two neighbours go to the nearer, ties to even. */
static void test_f16(void) {
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float f = f16_to_f32((uint16_t)h);
        const bool is_nan = (h & 0x7fff) > 0x7c00;
        const uint32_t expected = is_nan ? h | 0x200 : h;
        CHECK(isnan(f) == is_nan, "%#x", h);
        CHECK(f32_to_f16(f) == expected, "%#x -> %a -> %#x", h, (double)f, f32_to_f16(f));
    }
    CHECK(f16_to_f32(0x0001) == 0x1p-24f && f16_to_f32(0x8400) == -0x1p-14f && f16_to_f32(0x7bff) == 65504, "values");
    for (uint32_t h = 0; h < 0x7bff; h++) {
        const float low = f16_to_f32((uint16_t)h), high = f16_to_f32((uint16_t)(h + 1)), middle = (low + high) / 2;
        const uint32_t even = h + (h & 1);
        CHECK(f32_to_f16(middle) == even, "%a", (double)middle);
        CHECK(f32_to_f16(-middle) == (even | 0x8000), "%a", (double)-middle);
        CHECK(f32_to_f16(nextafterf(middle, 0)) == h, "below %a", (double)middle);
        CHECK(f32_to_f16(nextafterf(middle, INFINITY)) == h + 1, "above %a", (double)middle);
    }
    CHECK(f32_to_f16(nextafterf(65520, 0)) == 0x7bff && f32_to_f16(65520) == 0x7c00 && f32_to_f16(1e30f) == 0x7c00,
          "overflow");
    CHECK(f32_to_f16(1e-30f) == 0 && f32_to_f16(-1e-45f) == 0x8000, "underflow");
}

static void test_bf16(void) {
    for (uint32_t h = 0; h < 0x10000; h++) {
        const bool is_nan = (h & 0x7fff) > 0x7f80;
        const uint32_t expected = is_nan ? h | 0x40 : h;
        CHECK(f32_to_bf16(bf16_to_f32((uint16_t)h)) == expected, "%#x", h);
        if ((h & 0x7fff) < 0x7f80) {
            CHECK(f32_to_bf16(float_from_bits(h << 16 | 0x7fff)) == h, "below the middle of %#x", h);
            CHECK(f32_to_bf16(float_from_bits(h << 16 | 0x8000)) == h + (h & 1), "middle of %#x", h);
            CHECK(f32_to_bf16(float_from_bits(h << 16 | 0x8001)) == h + 1, "above the middle of %#x", h);
        }
    }
    CHECK(isnan(bf16_to_f32(f32_to_bf16(float_from_bits(0x7f800001)))), "a NaN with a low payload stays one");
}

/* ------------------------------------------------------------------ known blocks */

static void test_vectors(void) {
    for (size_t i = 0; i < sizeof decode_vectors / sizeof *decode_vectors; i++) {
        const struct decode_vector *vector = &decode_vectors[i];
        CHECK(vector->raw_bytes == weight_row_bytes(vector->type, vector->elements), "length of vector %zu", i);
        float *values = check_allocate(vector->elements * sizeof *values), largest = 0;
        decode_row(vector->type, values, vector->raw, vector->elements);
        for (size_t e = 0; e < vector->elements; e++)
            largest = fmaxf(largest, fabsf(float_from_bits(vector->values[e])));
        for (size_t e = 0; e < vector->elements; e++) {
            const float expected = float_from_bits(vector->values[e]);
            CHECK(fabsf(values[e] - expected) <= 1e-6f * largest, "%s element %zu: %.9g, expected %.9g",
                  weight_formats[vector->type].name, e, (double)values[e], (double)expected);
        }
        free(values);
    }
    float input[sizeof encode_input / sizeof *encode_input];
    memcpy(input, encode_input, sizeof input);
    for (size_t i = 0; i < sizeof encode_vectors / sizeof *encode_vectors; i++) {
        const struct encode_vector *vector = &encode_vectors[i];
        uint8_t *raw = check_allocate(vector->raw_bytes);
        encode_row(vector->type, raw, input, sizeof input / sizeof *input);
        for (size_t b = 0; b < vector->raw_bytes; b++)
            CHECK(raw[b] == vector->raw[b], "%s byte %zu: %d, expected %d", weight_formats[vector->type].name, b,
                  raw[b], vector->raw[b]);
        free(raw);
    }
}

/* ------------------------------------------------------------------ encoders */

enum { ELEMENTS = 8 * BLOCK_K };

/* Some kinds of rows that models have, and some that they hopefully do not have. */
static const char *const row_kinds[] = {"normal", "outliers", "positive", "negative", "constant",
                                        "zeros",  "tiny",     "huge",     "sparse",   "alternating"};
enum { ROW_KINDS = sizeof row_kinds / sizeof *row_kinds };

static float normal(void) {
    float sum = 0;
    for (int i = 0; i < 12; i++) sum += check_random_float(-0.5f, 0.5f);
    return sum;
}

static void fill_row(float x[ELEMENTS], int kind) {
    for (int i = 0; i < ELEMENTS; i++) {
        const float v = normal();
        switch (kind) {
        case 0: x[i] = 0.02f * v; break;
        case 1: x[i] = v * v * v * (i % 97 == 0 ? 10 : 1); break;
        case 2: x[i] = 3 + v * 0.1f; break;
        case 3: x[i] = -3 + v * 0.1f; break;
        case 4: x[i] = -0.7f; break;
        case 5: x[i] = 0; break;
        case 6: x[i] = v * 1e-41f; break; /* subnormal */
        case 7: x[i] = check_random_float(-65504, 65504); break;
        case 8: x[i] = i % 300 == 7 ? v : 0; break;
        case 9: x[i] = i & 1 ? 65504 : -65504; break;
        }
    }
}

/* The largest error that a value may have, in terms of the range of its group: half a step for the element, and for
 * types with coarse scales the rounding of those. */
static double step_of(enum weight_type type) {
    switch (type) {
    case WEIGHT_Q8_0: return 1.0 / 254;
    case WEIGHT_Q6_K: return 1.0 / 31;
    case WEIGHT_Q5_0: return 1.0 / 15.5;
    case WEIGHT_Q5_1: return 1.0 / 31;
    case WEIGHT_Q5_K: return 1.0 / 15;
    case WEIGHT_Q4_0: return 1.0 / 7.5;
    case WEIGHT_Q4_1: return 1.0 / 15;
    case WEIGHT_Q4_K: return 1.0 / 7;
    case WEIGHT_IQ4_NL: return 1.0 / 7;
    case WEIGHT_Q3_K: return 1.0 / 3;
    case WEIGHT_Q2_K: return 1.0 / 1.5;
    case WEIGHT_F16: return 1.0 / 2048;
    case WEIGHT_BF16: return 1.0 / 256;
    default: return 0;
    }
}

static void test_round_trip(enum weight_type type) {
    const char *name = weight_formats[type].name;
    const size_t bytes = weight_row_bytes(type, ELEMENTS);
    float *x = check_allocate(ELEMENTS * sizeof *x), *y = check_allocate(ELEMENTS * sizeof *y);
    uint8_t *raw = check_allocate(bytes), *again = check_allocate(bytes);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        fill_row(x, kind);
        encode_row(type, raw, x, ELEMENTS);
        decode_row(type, y, raw, ELEMENTS);
        for (int g = 0; g < ELEMENTS; g += BLOCK_K) {
            double largest = 0;
            for (int i = 0; i < BLOCK_K; i++) largest = fmax(largest, fabs((double)x[g + i]));
            /* 2^-11: rounding of a scale to float16; 2^-24: the last place of a subnormal one, times the largest q */
            const double bound = type == WEIGHT_F32 ? 0 : (step_of(type) + 0x1p-11) * largest + 0x1p-24 * 128;
            for (int i = 0; i < BLOCK_K; i++)
                CHECK(fabs((double)y[g + i] - (double)x[g + i]) <= bound, "%s, %s row, element %d: %g became %g", name,
                      row_kinds[kind], g + i, (double)x[g + i], (double)y[g + i]);
        }
        /* what one call encodes does not depend on what else it encodes */
        for (int g = 0; g < ELEMENTS; g += BLOCK_K)
            encode_row(type, again + weight_row_bytes(type, (size_t)g), x + g, BLOCK_K);
        CHECK(memcmp(raw, again, bytes) == 0, "%s, %s row, block by block", name, row_kinds[kind]);
    }
    free(x);
    free(y);
    free(raw);
    free(again);
}

static double weighted_error(const float *x, const float *y, const float *importance, int n) {
    double error = 0;
    for (int i = 0; i < n; i++) {
        const double difference = (double)x[i] - (double)y[i];
        error += (importance ? (double)importance[i] : 1) * difference * difference;
    }
    return error;
}

/* Mean squared error of normally distributed values in units of their variance: what the encoders reach, with 2 % of
 * room. Those of the types without a search are ggml's figures. */
static void test_squared_error(void) {
    static const double plain[WEIGHT_TYPE_COUNT] = {
        [WEIGHT_Q8_0] = 2.85e-5, [WEIGHT_Q4_0] = 7.3e-3,   [WEIGHT_Q4_1] = 6.1e-3, [WEIGHT_Q5_0] = 1.82e-3,
        [WEIGHT_Q5_1] = 1.45e-3, [WEIGHT_IQ4_NL] = 5.4e-3, [WEIGHT_Q2_K] = 6.8e-2, [WEIGHT_Q3_K] = 2.06e-2,
        [WEIGHT_Q4_K] = 4.85e-3, [WEIGHT_Q5_K] = 1.18e-3,  [WEIGHT_Q6_K] = 2.8e-4,
    };
    static const double search[WEIGHT_TYPE_COUNT] = {
        [WEIGHT_Q8_0] = 2.3e-5,  [WEIGHT_Q4_0] = 6.45e-3,  [WEIGHT_Q4_1] = 5.2e-3, [WEIGHT_Q5_0] = 1.58e-3,
        [WEIGHT_Q5_1] = 1.24e-3, [WEIGHT_IQ4_NL] = 5.4e-3, [WEIGHT_Q2_K] = 6.8e-2, [WEIGHT_Q3_K] = 2.06e-2,
        [WEIGHT_Q4_K] = 4.85e-3, [WEIGHT_Q5_K] = 1.18e-3,  [WEIGHT_Q6_K] = 2.8e-4,
    };
    enum { N = 512 * BLOCK_K };
    float *x = check_allocate(N * sizeof *x), *y = check_allocate(N * sizeof *y);
    double variance = 0;
    for (int i = 0; i < N; i++) {
        x[i] = 0.02f * normal();
        variance += (double)x[i] * (double)x[i];
    }
    for (int type = WEIGHT_Q8_0; type < WEIGHT_TYPE_COUNT; type++) {
        void *raw = check_allocate(weight_row_bytes((enum weight_type)type, N));
        encode_row((enum weight_type)type, raw, x, N);
        decode_row((enum weight_type)type, y, raw, N);
        const double plainly = weighted_error(x, y, NULL, N) / variance;
        encode_row_search((enum weight_type)type, raw, x, NULL, N);
        decode_row((enum weight_type)type, y, raw, N);
        const double searched = weighted_error(x, y, NULL, N) / variance;
        CHECK(plainly <= plain[type], "%s: %.3e, at most %.3e", weight_formats[type].name, plainly, plain[type]);
        CHECK(searched <= search[type], "%s searched: %.3e, at most %.3e", weight_formats[type].name, searched,
              search[type]);
        free(raw);
    }
    free(x);
    free(y);
}

/* ------------------------------------------------------------------ encoders that search */

/* In each block, of each kind of row, no worse than the encoder without a search; all tiers write the same bytes. */
static void test_search(enum weight_type type, const float *importance) {
    const char *name = weight_formats[type].name;
    const int block = (int)weight_formats[type].block_elements;
    /* for all alike, which may lead to other blocks than an importance does */
    const bool plain_searches = block > 32 || type == WEIGHT_IQ4_NL;
    const size_t bytes = weight_row_bytes(type, ELEMENTS);
    float *x = check_allocate(ELEMENTS * sizeof *x), *plain = check_allocate(ELEMENTS * sizeof *plain);
    float *searched = check_allocate(ELEMENTS * sizeof *searched);
    uint8_t *raw = check_allocate(bytes), *scalar = check_allocate(bytes);
    const struct kernels *tiers[8];
    const size_t tier_count = kernels_available(tiers, 8);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        fill_row(x, kind);
        encode_row(type, raw, x, ELEMENTS);
        decode_row(type, plain, raw, ELEMENTS);
        scalar_kernels.encode[type](scalar, x, importance, ELEMENTS);
        decode_row(type, searched, scalar, ELEMENTS);
        for (int i = 0; i < ELEMENTS; i += block) {
            const float *w = importance ? importance + i : NULL;
            const double least = weighted_error(x + i, plain + i, w, block);
            const double error = weighted_error(x + i, searched + i, w, block);
            if (!importance || !plain_searches)
                CHECK(error <= least * 1.00001, "%s, %s row, block at %d: %g, without a search %g", name,
                      row_kinds[kind], i, error, least);
        }
        for (size_t t = 0; t < tier_count; t++) {
            tiers[t]->encode[type](raw, x, importance, ELEMENTS);
            CHECK(memcmp(raw, scalar, bytes) == 0, "%s, %s row: %s writes other bytes than scalar", name,
                  row_kinds[kind], tiers[t]->name);
        }
    }
    free(x);
    free(plain);
    free(searched);
    free(raw);
    free(scalar);
}

/* What importance is for, and that only its ratios count. */
static void test_importance(enum weight_type type) {
    const char *name = weight_formats[type].name;
    const size_t bytes = weight_row_bytes(type, ELEMENTS);
    float x[ELEMENTS], y[ELEMENTS], importance[ELEMENTS], scaled[ELEMENTS], zeros[ELEMENTS] = {0};
    uint8_t *raw = check_allocate(bytes), *other = check_allocate(bytes);
    fill_row(x, 0);
    for (int i = 0; i < ELEMENTS; i++) {
        importance[i] = check_random_float(0, 1);
        importance[i] *= importance[i] * importance[i];
        scaled[i] = importance[i] * 0x1p-100f;
    }
    encode_row_search(type, other, x, NULL, ELEMENTS);
    decode_row(type, y, other, ELEMENTS);
    const double before = weighted_error(x, y, importance, ELEMENTS);
    encode_row_search(type, raw, x, importance, ELEMENTS);
    decode_row(type, y, raw, ELEMENTS);
    const double after = weighted_error(x, y, importance, ELEMENTS);
    CHECK(after < 0.95 * before, "%s: %g, without importance %g", name, after, before);
    encode_row_search(type, other, x, scaled, ELEMENTS);
    CHECK(memcmp(raw, other, bytes) == 0, "%s: importance in other units", name);
    encode_row_search(type, raw, x, NULL, ELEMENTS);
    encode_row_search(type, other, x, zeros, ELEMENTS);
    CHECK(memcmp(raw, other, bytes) == 0, "%s: an importance of 0 for all", name);
    free(raw);
    free(other);
}

/* Any bytes are blocks: decoding them is defined, whatever they hold. */
static void test_decode_anything(enum weight_type type) {
    const size_t bytes = weight_row_bytes(type, ELEMENTS);
    uint8_t *raw = check_allocate(bytes + 1);
    float *y = check_allocate(ELEMENTS * sizeof *y);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i <= bytes; i++) raw[i] = (uint8_t)(round == 0 ? 0xff : check_random());
        decode_row(type, y, raw + 1, ELEMENTS); /* at an odd address */
    }
    check_count++;
    free(raw);
    free(y);
}

/* ------------------------------------------------------------------ public functions */

static void test_public(void) {
    struct rwkv_error error = {0};
    struct rwkv_type_info info = {.struct_size = sizeof info};
    CHECK(rwkv_type_info(RWKV_TYPE_Q6_K, &info, &error) == RWKV_OK, "%s", error.message);
    CHECK(info.block_elements == 256 && info.block_bytes == 210 && strcmp(info.name, "Q6_K") == 0, "%s", info.name);
    CHECK(rwkv_type_info(4, &info, &error) == RWKV_ERROR_UNSUPPORTED && error.status == RWKV_ERROR_UNSUPPORTED &&
              strstr(error.message, "4"),
          "%s", error.message);
    CHECK(rwkv_type_info(RWKV_TYPE_F32, NULL, NULL) == RWKV_ERROR_ARGUMENT, "NULL");
    info = (struct rwkv_type_info){.struct_size = 8, .block_bytes = 77};
    CHECK(rwkv_type_info(RWKV_TYPE_F16, &info, NULL) == RWKV_OK && info.block_elements == 1 && info.block_bytes == 77,
          "only struct_size bytes are written");

    float x[64] = {0}, y[64];
    uint8_t raw[68];
    for (int i = 0; i < 64; i++) x[i] = (float)(i - 32);
    CHECK(rwkv_encode(RWKV_TYPE_Q8_0, x, 64, raw, 68, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_decode(RWKV_TYPE_Q8_0, raw, 68, y, 64, &error) == RWKV_OK, "%s", error.message);
    CHECK(fabsf(y[0] + 32) < 0.2f && y[32] == 0 && fabsf(y[63] - 31) < 0.2f, "%g %g %g", (double)y[0], (double)y[32],
          (double)y[63]);
    CHECK(rwkv_decode(RWKV_TYPE_Q8_0, raw, 67, y, 64, &error) == RWKV_ERROR_ARGUMENT, "too short");
    CHECK(rwkv_decode(RWKV_TYPE_Q8_0, raw, 68, y, 63, &error) == RWKV_ERROR_ARGUMENT, "part of a block");
    CHECK(rwkv_decode(RWKV_TYPE_F32, raw, 0, y, (uint64_t)1 << 62, &error) == RWKV_ERROR_ARGUMENT, "product overflows");
    CHECK(rwkv_decode(99, raw, 68, y, 64, &error) == RWKV_ERROR_UNSUPPORTED, "unknown type");
    CHECK(rwkv_decode(RWKV_TYPE_Q8_0, NULL, 68, y, 64, &error) == RWKV_ERROR_ARGUMENT, "NULL");
    CHECK(rwkv_decode(RWKV_TYPE_Q8_0, NULL, 0, NULL, 0, &error) == RWKV_OK, "nothing to do");
    float importance[32];
    for (int i = 0; i < 32; i++) importance[i] = (float)i;
    uint8_t rows[68];
    CHECK(rwkv_encode_search(RWKV_TYPE_Q8_0, x, 64, importance, 32, raw, 68, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_encode_search(RWKV_TYPE_Q8_0, x + 32, 32, importance, 32, rows + 34, 34, &error) == RWKV_OK &&
              memcmp(raw + 34, rows + 34, 34) == 0,
          "a row alone: %s", error.message);
    CHECK(rwkv_encode_search(RWKV_TYPE_F32, x, 16, NULL, 4, raw, 64, &error) == RWKV_OK && memcmp(raw, x, 64) == 0,
          "%s", error.message);
    CHECK(rwkv_encode_search(RWKV_TYPE_Q8_0, x, 64, NULL, 48, raw, 68, &error) == RWKV_ERROR_ARGUMENT, "part of a row");
    CHECK(rwkv_encode_search(RWKV_TYPE_F32, x, 16, NULL, 0, raw, 64, &error) == RWKV_ERROR_ARGUMENT, "rows of nothing");
    const float unimportant[] = {NAN, INFINITY, -1};
    for (int i = 0; i < 3; i++) {
        importance[17] = unimportant[i];
        CHECK(rwkv_encode_search(RWKV_TYPE_Q8_0, x, 64, importance, 32, raw, 68, &error) == RWKV_ERROR_ARGUMENT &&
                  strstr(error.message, "17"),
              "%s", error.message);
    }
    const float refused[] = {NAN, INFINITY, -INFINITY, 65505, -65505};
    for (int i = 0; i < 5; i++) {
        x[40] = refused[i];
        CHECK(rwkv_encode(RWKV_TYPE_Q8_0, x, 64, raw, 68, &error) == RWKV_ERROR_ARGUMENT && strstr(error.message, "40"),
              "%s", error.message);
        CHECK(rwkv_encode_search(RWKV_TYPE_Q8_0, x, 64, NULL, 64, raw, 68, &error) == RWKV_ERROR_ARGUMENT &&
                  strstr(error.message, "40"),
              "%s", error.message);
        CHECK(rwkv_encode(RWKV_TYPE_F32, x, 16, raw, 64, &error) == RWKV_OK, "%s", error.message);
    }
}

int main(void) {
    test_f16();
    test_bf16();
    test_vectors();
#define X(NAME, name)                                                                                                  \
    test_round_trip(WEIGHT_##NAME);                                                                                    \
    test_decode_anything(WEIGHT_##NAME);
    RWKV_WEIGHT_TYPES(X)
#undef X
    test_squared_error();
    float importance[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) importance[i] = i % 11 == 0 ? 0 : check_random_float(0, 1e6f);
#define X(NAME, name)                                                                                                  \
    test_search(WEIGHT_##NAME, NULL);                                                                                  \
    test_search(WEIGHT_##NAME, importance);                                                                            \
    test_importance(WEIGHT_##NAME);
    RWKV_BLOCK_TYPES(X)
#undef X
    test_public();
    return check_result();
}
