/* Calibrated rounding: the sums of inputs, and error feedback against rounding without it. Run with each tier. */
#include "texts.h"

#include "quant/blocks.h"
#include "quant/feedback.h"

/* ------------------------------------------------------------------ sums of inputs */

enum { TOKENS = 37 };

static struct rwkv_context *observing(const struct rwkv_model *model, uint32_t threads, uint32_t block, float **sums,
                                      uint64_t *floats) {
    struct rwkv_error error = {0};
    struct rwkv_context *context = create_context(model, threads, 16);
    CHECK(rwkv_context_observe(context, "output.weight", block, sums, floats, &error) == RWKV_OK, "%s", error.message);
    return context;
}

/* Each logit is a product of the head's input x with a row w: the sum of its squares is w^T (sum of x x^T) w. */
static void check_head(const struct random_model *random, const float *sums, const float *logits) {
    const size_t width = random->shape.width, vocabulary = random->shape.vocabulary;
    const float *head = random->values[random_model_find(random, -1, "output.weight")];
    for (size_t v = 0; v < vocabulary; v++) {
        const float *w = head + v * width;
        double expected = 0, actual = 0;
        for (size_t t = 0; t < TOKENS; t++) expected += pow((double)logits[t * vocabulary + v], 2);
        for (size_t i = 0; i < width; i++)
            for (size_t j = i; j < width; j++)
                actual += (i == j ? 1 : 2) * (double)sums[i * width + j] * (double)w[i] * (double)w[j];
        CHECK(fabs(actual - expected) <= 1e-4 * expected, "logit %zu: %g, expected %g", v, actual, expected);
    }
}

static void test_sums(const struct shape *shape) {
    struct shape typed = *shape;
    typed.matrix_type = typed.ends_type = RWKV_TYPE_F32;
    struct random_model random = random_model_make(&typed);
    struct rwkv_model *model = random_model_create(&random);
    const size_t width = shape->width, block = width / 2 + 1, rest = width - block;
    uint32_t tokens[TOKENS];
    for (size_t t = 0; t < TOKENS; t++) tokens[t] = check_random() % shape->vocabulary;
    float *logits = check_allocate(TOKENS * shape->vocabulary * sizeof *logits);

    float *whole, *again, *blocks, *squares;
    uint64_t floats, floats_again, block_floats, square_floats;
    struct rwkv_context *contexts[] = {
        observing(model, 1, 4096, &whole, &floats), observing(model, 3, 4096, &again, &floats_again),
        observing(model, 2, (uint32_t)block, &blocks, &block_floats), observing(model, 2, 1, &squares, &square_floats)};
    for (size_t c = 0; c < 4; c++) {
        struct rwkv_state *state = create_state(model);
        struct rwkv_sequence sequence = {.state = state,
                                         .tokens = tokens,
                                         .token_count = TOKENS,
                                         .logits = logits,
                                         .logits_floats = (uint64_t)TOKENS * shape->vocabulary,
                                         .wanted = RWKV_LOGITS_ALL};
        evaluate_batch(contexts[c], &sequence, 1);
        rwkv_state_free(state);
    }
    CHECK(floats == width * width && floats_again == floats && square_floats == width, "lengths");
    CHECK(block_floats == block * block + rest * rest, "length of blocks");
    CHECK(memcmp(whole, again, floats * sizeof *whole) == 0, "%s: the sums depend on the threads", shape_text(&typed));
    check_head(&random, whole, logits);
    for (size_t i = 0; i < width; i++) {
        CHECK(fabsf(squares[i] - whole[i * (width + 1)]) <= 1e-5f * squares[i], "square %zu", i);
        const size_t n = i < block ? block : rest, first = i < block ? 0 : block;
        for (size_t j = i; j < first + n; j++)
            CHECK(blocks[first * block + (i - first) * n + j - first] == whole[i * width + j], "%zu, %zu", i, j);
    }
    for (size_t c = 0; c < 4; c++) rwkv_context_free(contexts[c]);
    free(logits);
    rwkv_model_free(model);
    random_model_free(&random);
}

static void test_refusals(void) {
    struct shape shape = odd_shapes[0];
    struct random_model random = random_model_make(&shape);
    struct rwkv_model *model = random_model_create(&random);
    float *sums;
    uint64_t floats;
    struct rwkv_context *context = observing(model, 1, 1, &sums, &floats);
    struct rwkv_error error = {0};
    CHECK(rwkv_context_observe(context, "output.weight", 1, &sums, &floats, &error) == RWKV_ERROR_ARGUMENT, "twice");
    CHECK(rwkv_context_observe(context, "nothing", 1, &sums, &floats, &error) == RWKV_ERROR_ARGUMENT, "unknown");
    CHECK(strstr(error.message, "nothing"), "%s", error.message);
    CHECK(rwkv_context_observe(context, "output.weight", 0, &sums, &floats, NULL) == RWKV_ERROR_ARGUMENT, "block of 0");
    rwkv_context_free(context);
    rwkv_model_free(model);
    random_model_free(&random);
}

/* ------------------------------------------------------------------ feedback */

enum { COLUMNS = 512, ROWS = 8, INPUTS = 700 };

/* H of inputs that are correlated, as those of models are. */
static float *correlated_sums(void) {
    float *h = check_allocate(sizeof(float[COLUMNS * COLUMNS])), x[COLUMNS];
    memset(h, 0, sizeof(float[COLUMNS * COLUMNS]));
    for (int t = 0; t < INPUTS; t++) {
        const float common = check_random_float(-1, 1);
        for (int i = 0; i < COLUMNS; i++)
            x[i] = common + (i ? 0.7f * x[i - 1] : 0) * 0.9f + check_random_float(-1, 1) * (float)(1 + i % 3);
        for (int i = 0; i < COLUMNS; i++)
            for (int j = i; j < COLUMNS; j++) h[i * COLUMNS + j] += x[i] * x[j];
    }
    return h;
}

/* Sum over all inputs of the squared errors of all products. */
static double error_of(uint32_t type, const void *encoded, const float *weights, const float *h) {
    float *values = check_allocate(sizeof(float[ROWS * COLUMNS]));
    const struct rwkv_type_info info = type_info(type);
    const uint64_t bytes = (uint64_t)ROWS * COLUMNS / info.block_elements * info.block_bytes;
    CHECK(rwkv_decode(type, encoded, bytes, values, ROWS * COLUMNS, NULL) == RWKV_OK, "decode");
    double error = 0;
    for (int row = 0; row < ROWS; row++) {
        const float *w = weights + row * COLUMNS, *v = values + row * COLUMNS;
        for (int i = 0; i < COLUMNS; i++)
            for (int j = i; j < COLUMNS; j++)
                error += (i == j ? 1 : 2) * (double)h[i * COLUMNS + j] * (double)(w[i] - v[i]) * (double)(w[j] - v[j]);
    }
    free(values);
    return error;
}

static void test_feedback(uint32_t type) {
    const struct rwkv_type_info info = type_info(type);
    const uint64_t elements = ROWS * COLUMNS, bytes = elements / info.block_elements * info.block_bytes;
    float *weights = check_allocate(elements * sizeof *weights), *rows = check_allocate(elements * sizeof *rows);
    float *h = correlated_sums(), *factors = check_allocate(sizeof(float[COLUMNS * COLUMNS]));
    void *encoded = check_allocate(bytes);
    for (uint64_t i = 0; i < elements; i++) weights[i] = check_random_float(-1, 1);
    CHECK(rwkv_encode(type, weights, elements, encoded, bytes, NULL) == RWKV_OK, "%s", info.name);
    const double plain = error_of(type, encoded, weights, h);

    struct rwkv_error error = {0};
    memcpy(factors, h, sizeof(float[COLUMNS * COLUMNS]));
    memcpy(rows, weights, elements * sizeof *rows);
    CHECK(rwkv_feedback_prepare(factors, COLUMNS, COLUMNS, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_encode_feedback(type, rows, elements, factors, COLUMNS, COLUMNS, encoded, bytes, &error) == RWKV_OK,
          "%s", error.message);
    const double calibrated = error_of(type, encoded, weights, h);
    CHECK(calibrated < 0.8 * plain, "%s: %g with feedback, %g without", info.name, calibrated, plain);

    CHECK(rwkv_encode_feedback(type, rows, elements, factors, 48, COLUMNS, encoded, bytes, NULL) == RWKV_ERROR_ARGUMENT,
          "48 columns are no blocks");
    free(encoded);
    free(factors);
    free(h);
    free(rows);
    free(weights);
}

/* Without inputs there is nothing to make good: the result is that of the search. */
static void test_no_inputs(void) {
    float weights[64], factors[64 * 64] = {0};
    struct block_q4_0 expected[2], actual[2];
    for (int i = 0; i < 64; i++) weights[i] = check_random_float(-1, 1);
    CHECK(rwkv_encode_search(RWKV_TYPE_Q4_0, weights, 64, NULL, 64, expected, sizeof expected, NULL) == RWKV_OK,
          "encode");
    CHECK(rwkv_feedback_prepare(factors, 64, 512, NULL) == RWKV_OK, "encode");
    CHECK(rwkv_encode_feedback(RWKV_TYPE_Q4_0, weights, 64, factors, 512, 64, actual, sizeof actual, NULL) == RWKV_OK,
          "encode");
    CHECK(memcmp(expected, actual, sizeof expected) == 0, "differs from the search");
}

int main(void) {
    if (!tier_runs_here()) return 77;
    for (int i = 0; i < ODD_SHAPES; i++) test_sums(&odd_shapes[i]);
    test_refusals();
    static const uint32_t types[] = {RWKV_TYPE_Q4_0, RWKV_TYPE_Q4_1, RWKV_TYPE_Q5_0,  RWKV_TYPE_Q5_1,
                                     RWKV_TYPE_Q8_0, RWKV_TYPE_Q2_K, RWKV_TYPE_Q3_K,  RWKV_TYPE_Q4_K,
                                     RWKV_TYPE_Q5_K, RWKV_TYPE_Q6_K, RWKV_TYPE_IQ4_NL};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) test_feedback(types[i]);
    test_no_inputs();
    return check_result();
}
