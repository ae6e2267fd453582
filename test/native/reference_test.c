/*
 * The engine against the formulas in double precision: every version, odd shapes, every weight type. Run with each
 * tier.
 */
#include "model.h"
#include "reference_model.h"

#define MOST_TOKENS 21

/* Relative to the largest value. */
static double largest_difference(const float *actual, const double *expected, uint64_t count) {
    double difference = 0, largest = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (expected[i] == -1e30) continue; /* RWKV-4, where nothing was read */
        difference = fmax(difference, isfinite(actual[i]) ? fabs(actual[i] - expected[i]) : INFINITY);
        largest = fmax(largest, fabs(expected[i]));
    }
    return difference / largest;
}

static double worst[2]; /* of float types, of block types */

static void compare(const struct shape *shape, const char *what, const float *actual, const double *expected,
                    uint64_t count, double tolerance) {
    const double difference = largest_difference(actual, expected, count);
    double *most = &worst[tolerance > 1e-3];
    if (difference > *most) *most = difference;
    CHECK(difference <= tolerance, "%s: %s differ by %g", shape_text(shape), what, difference);
}

static void test(const struct shape *shape, uint32_t token_count, double tolerance) {
    struct random_model random = random_model_make(shape);
    struct rwkv_model *model = random_model_create(&random);
    struct rwkv_context *context = create_context(model, 1, token_count);
    struct rwkv_state *state = create_state(model);
    const uint64_t vocabulary = shape->vocabulary, floats = token_count * vocabulary;

    uint32_t tokens[MOST_TOKENS];
    for (uint32_t i = 0; i < token_count; i++) tokens[i] = check_random() % shape->vocabulary;
    float *logits = check_allocate(floats * sizeof *logits);
    double *expected = check_allocate(floats * sizeof *expected);
    feed(context, state, tokens, token_count, RWKV_LOGITS_ALL, logits, floats);
    struct reference reference = reference_make(&random, model->is_paired ? -PAIRED_LEAST : 127);
    for (uint64_t i = 0; i < token_count; i++) reference_feed(&reference, tokens[i], expected + i * vocabulary);

    compare(shape, "logits", logits, expected, floats, tolerance);
    CHECK(model_info(model).state_floats == reference.state_floats, "%" PRIu64, reference.state_floats);
    float *values = state_values(model, state);
    compare(shape, "states", values, reference.state, reference.state_floats, tolerance);

    free(values);
    free(expected);
    free(logits);
    reference_free(&reference);
    rwkv_state_free(state);
    rwkv_context_free(context);
    rwkv_model_free(model);
    random_model_free(&random);
}

static void test_types(struct shape shape, uint32_t matrix_type, uint32_t ends_type, uint32_t token_count,
                       double tolerance) {
    shape.matrix_type = matrix_type;
    shape.ends_type = ends_type;
    test(&shape, token_count, tolerance);
}

/* Rounding of floats. Correct implementations differ by some 1e-6, mistakes move the logits by more than 1e-3. */
#define FLOAT_TOLERANCE 2e-5

/* Where float and double differ by rounding, an activation that lies between two steps may take the other one,
 * and with it all that is computed from it. */
#define BLOCK_TOLERANCE 3e-2

static void test_block_shape(const struct shape *shape) {
    for (int i = 0; i < ALL_TYPES; i++) {
        const bool blocks = type_info(all_types[i]).block_elements > 1;
        test_types(*shape, all_types[i], all_types[i], 5, blocks ? BLOCK_TOLERANCE : FLOAT_TOLERANCE);
    }
    test_types(*shape, RWKV_TYPE_F32, MIXED_TYPES, 5, BLOCK_TOLERANCE);
    test_types(*shape, MIXED_TYPES, RWKV_TYPE_F16, 5, BLOCK_TOLERANCE);
}

int main(void) {
    if (!tier_runs_here()) return 77;
    for (int i = 0; i < ODD_SHAPES; i++) {
        struct shape shape = odd_shapes[i];
        test(&shape, MOST_TOKENS, FLOAT_TOLERANCE);
        shape.vector_type = RWKV_TYPE_F16;
        shape.rescale_every = 2;
        test_types(shape, RWKV_TYPE_BF16, RWKV_TYPE_F16, MOST_TOKENS, FLOAT_TOLERANCE);
        shape.rescale_every = 1;
        test_types(shape, MIXED_TYPES, MIXED_TYPES, MOST_TOKENS, BLOCK_TOLERANCE);
    }
    for (int i = 0; i < BLOCK_SHAPES; i++) test_block_shape(&block_shapes[i]);
    printf("worst difference: %g with float types, %g with block types\n", worst[0], worst[1]);
    return check_result();
}
