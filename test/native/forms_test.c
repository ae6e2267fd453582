/*
 * The recurrent form, the sequence form in chunks of any size, and the batch come to the same. Run with each tier.
 */
#include "texts.h"

/* Tokens that are computed one or two at a time go through other kernels than many, so that results differ by rounding
 * (of floats, or of an activation to the other one of two neighbours among 255 steps; see reference_test.c). The
 * scalar tier has no such kernels, and is exact. */
#define FLOAT_TOLERANCE 2e-5
#define BLOCK_TOLERANCE 3e-2

static double tolerance_of(const struct shape *shape) {
    struct rwkv_cpu_info info = {.struct_size = sizeof info};
    CHECK(rwkv_cpu_info(&info, NULL) == RWKV_OK, "rwkv_cpu_info");
    if (strcmp(info.tier, "scalar") == 0) return 0;
    return shape->matrix_type == RWKV_TYPE_F32 && shape->ends_type == RWKV_TYPE_F32 ? FLOAT_TOLERANCE : BLOCK_TOLERANCE;
}

static void compare(const struct texts *texts, const struct rwkv_model *model, const struct shape *shape,
                    const struct outcome *expected, double tolerance, enum reading reading, uint32_t chunk) {
    struct outcome actual = texts_read(texts, model, reading, 1, chunk);
    const double difference = outcome_difference(expected, &actual);
    CHECK(difference <= tolerance, "%s: reading %d in chunks of %u differs by %g", shape_text(shape), (int)reading,
          (unsigned)chunk, difference);
    outcome_free(&actual);
}

/* Texts of different lengths of which different logits are wanted. */
static void test_all_forms(const struct rwkv_model *model, const struct shape *shape) {
    struct texts texts = {0};
    texts_add(&texts, 1, RWKV_LOGITS_LAST, shape->vocabulary);
    texts_add(&texts, 9, RWKV_LOGITS_ALL, shape->vocabulary);
    texts_add(&texts, 4, RWKV_LOGITS_NONE, shape->vocabulary);
    texts_add(&texts, 19, RWKV_LOGITS_LAST, shape->vocabulary);
    texts_add(&texts, 2, RWKV_LOGITS_ALL, shape->vocabulary);
    texts_add(&texts, 1, RWKV_LOGITS_NONE, shape->vocabulary);

    struct outcome expected = texts_read(&texts, model, TOKEN_BY_TOKEN, 1, 1);
    const double tolerance = tolerance_of(shape);
    static const uint32_t chunks[] = {1, 2, 3, 7, 128};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        compare(&texts, model, shape, &expected, tolerance, ALL_AT_ONCE, chunks[i]);
    compare(&texts, model, shape, &expected, tolerance, TEXT_BY_TEXT, 5);
    outcome_free(&expected);
}

/* As long as all tokens go through the same kernels it does not matter at all how many there are. */
static void test_equal_bits(const struct rwkv_model *model, const struct shape *shape) {
    struct texts texts = {0};
    for (int i = 0; i < 2; i++) texts_add(&texts, 12, RWKV_LOGITS_ALL, shape->vocabulary);
    struct outcome few = texts_read(&texts, model, TOKEN_BY_TOKEN, 1, 1);
    compare(&texts, model, shape, &few, 0, TEXT_BY_TEXT, 1);
    compare(&texts, model, shape, &few, 0, ALL_AT_ONCE, 2);
    struct outcome many = texts_read(&texts, model, ALL_AT_ONCE, 1, 24);
    static const uint32_t chunks[] = {3, 4, 8};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        compare(&texts, model, shape, &many, 0, ALL_AT_ONCE, chunks[i]);
    compare(&texts, model, shape, &many, 0, TEXT_BY_TEXT, 6);
    outcome_free(&few);
    outcome_free(&many);
}

static void test(const struct shape *shape, uint32_t matrix_type, uint32_t ends_type) {
    struct shape typed = *shape;
    typed.matrix_type = matrix_type;
    typed.ends_type = ends_type;
    struct random_model random = random_model_make(&typed);
    struct rwkv_model *model = random_model_create(&random);
    test_all_forms(model, &typed);
    test_equal_bits(model, &typed);
    rwkv_model_free(model);
    random_model_free(&random);
}

int main(void) {
    if (!tier_runs_here()) return 77;
    for (int i = 0; i < ODD_SHAPES; i++) {
        test(&odd_shapes[i], RWKV_TYPE_F32, RWKV_TYPE_F32);
        test(&odd_shapes[i], MIXED_TYPES, MIXED_TYPES);
    }
    for (int i = 0; i < BLOCK_SHAPES; i++) test(&block_shapes[i], MIXED_TYPES, MIXED_TYPES);
    return check_result();
}
