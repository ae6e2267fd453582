/* Calibrated rounding: what matrices are multiplied by, and error feedback against rounding without it. Run with each
 * tier. */
#include "texts.h"

#include "quant/blocks.h"
#include "quant/feedback.h"

/* ------------------------------------------------------------------ inputs of matrices */

enum { TOKENS = 37 };

static float *logits_of(const struct rwkv_model *model, struct rwkv_context *context, const uint32_t *tokens) {
    const uint64_t floats = (uint64_t)TOKENS * model_info(model).vocabulary_size;
    float *logits = check_allocate(floats * sizeof *logits);
    struct rwkv_state *state = create_state(model);
    struct rwkv_sequence sequence = {.state = state,
                                     .tokens = tokens,
                                     .token_count = TOKENS,
                                     .logits = logits,
                                     .logits_floats = floats,
                                     .wanted = RWKV_LOGITS_ALL};
    evaluate_batch(context, &sequence, 1);
    rwkv_state_free(state);
    return logits;
}

/* Two models of the same head and what it is multiplied by in both. */
struct comparison {
    struct random_model random, changed;
    struct rwkv_model *original, *rounded;
    uint32_t tokens[TOKENS];
    float *logits, *rounded_logits, *squares; /* squares: of the rounded model */
};

static float *observed_logits(const struct rwkv_model *model, const uint32_t *tokens, uint32_t threads,
                              float *squares) {
    struct rwkv_context *context = create_context(model, threads, 16);
    struct rwkv_error error = {0};
    float *sums;
    uint64_t columns;
    CHECK(rwkv_context_observe(context, "output.weight", &sums, &columns, &error) == RWKV_OK, "%s", error.message);
    CHECK(columns == model_info(model).width, "%u columns", (unsigned)columns);
    float *logits = logits_of(model, context, tokens);
    memcpy(squares, sums, columns * sizeof *squares);
    rwkv_context_free(context);
    return logits;
}

/* The rounded model is the original but for a matrix of the first layer. */
static struct comparison compare(const struct shape *shape) {
    struct shape typed = *shape;
    typed.matrix_type = typed.ends_type = RWKV_TYPE_F32;
    struct comparison comparison = {.random = random_model_make(&typed)};
    comparison.random.config.dense = 1;
    comparison.changed = comparison.random;
    struct rwkv_tensor *tensor =
        &comparison.changed.tensors[random_model_find(&comparison.changed, 0, "time_mix_output.weight")];
    float *values = check_allocate(tensor->bytes);
    memcpy(values, tensor->data, tensor->bytes);
    for (uint64_t i = 0; i < tensor->bytes / sizeof *values; i++) values[i] *= 0.7f;
    tensor->data = values;
    comparison.original = random_model_create(&comparison.random);
    comparison.rounded = random_model_create(&comparison.changed);
    for (size_t t = 0; t < TOKENS; t++) comparison.tokens[t] = check_random() % shape->vocabulary;
    comparison.squares = check_allocate(shape->width * sizeof(float));
    comparison.logits = observed_logits(comparison.original, comparison.tokens, 1, comparison.squares);
    comparison.rounded_logits = observed_logits(comparison.rounded, comparison.tokens, 3, comparison.squares);
    return comparison;
}

static void comparison_free(struct comparison *comparison) {
    rwkv_model_free(comparison->original);
    rwkv_model_free(comparison->rounded);
    free(
        (void *)comparison->changed.tensors[random_model_find(&comparison->changed, 0, "time_mix_output.weight")].data);
    random_model_free(&comparison->random);
    free(comparison->logits);
    free(comparison->rounded_logits);
    free(comparison->squares);
}

static struct rwkv_calibration *calibrate(const struct comparison *comparison, uint32_t threads) {
    const struct rwkv_context_config config = {
        .struct_size = sizeof config, .thread_count = threads, .chunk_tokens = 16};
    struct rwkv_calibration *calibration;
    struct rwkv_error error = {0};
    CHECK(rwkv_calibration_create(comparison->original, comparison->rounded, &config, comparison->tokens, TOKENS,
                                  &calibration, &error) == RWKV_OK,
          "%s", error.message);
    return calibration;
}

/* The sums of the head, which is reached layer by layer: [0] the sums, [1] the drift. */
static void head_sums(const struct comparison *comparison, uint32_t threads, uint32_t block, uint64_t floats,
                      float *result[2]) {
    struct rwkv_error error = {0};
    struct rwkv_calibration *calibration = calibrate(comparison, threads);
    const uint32_t layers = comparison->random.shape.layers;
    for (int i = 0; i < 2; i++) {
        result[i] = check_allocate(floats * sizeof(float));
        memset(result[i], 0, floats * sizeof(float));
    }
    for (uint32_t layer = 0; layer < layers; layer++) {
        CHECK(rwkv_calibration_read(calibration, layer, 0, &error) == RWKV_OK, "%s", error.message);
        CHECK(rwkv_calibration_read(calibration, layer, 1, &error) == RWKV_OK, "%s", error.message);
    }
    CHECK(rwkv_calibration_watch(calibration, "output.weight", block, result[0], result[1], floats, &error) == RWKV_OK,
          "%s", error.message);
    CHECK(rwkv_calibration_read(calibration, layers, 0, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_calibration_read(calibration, layers, 0, &error) == RWKV_OK, "%s", error.message); /* adds nothing */
    rwkv_calibration_free(calibration);
}

/* Each logit is a product of the head's input x with a row w: the sum of its squares is w^T (sum of x x^T) w, and so on
 * for the products of two models' logits. */
static void check_head(const struct comparison *comparison, float *const sums[2]) {
    const size_t width = comparison->random.shape.width, vocabulary = comparison->random.shape.vocabulary;
    const float *head = comparison->random.values[random_model_find(&comparison->random, -1, "output.weight")];
    for (size_t v = 0; v < vocabulary; v++) {
        const float *w = head + v * width;
        double expected[2] = {0}, actual[2] = {0}, drift = 0;
        for (size_t t = 0; t < TOKENS; t++) {
            const double x = (double)comparison->logits[t * vocabulary + v];
            const double y = (double)comparison->rounded_logits[t * vocabulary + v];
            expected[0] += y * y;
            expected[1] += (x - y) * y;
            drift += fabs((x - y) * y);
        }
        for (size_t i = 0; i < width; i++) {
            for (size_t j = 0; j < width; j++) {
                const double product = (double)w[i] * (double)w[j];
                if (j >= i) actual[0] += (i == j ? 1 : 2) * (double)sums[0][i * width + j] * product;
                actual[1] += (double)sums[1][i * width + j] * product;
            }
        }
        CHECK(fabs(actual[0] - expected[0]) <= 1e-4 * expected[0], "logit %zu: %g, expected %g", v, actual[0],
              expected[0]);
        CHECK(drift > 0 && fabs(actual[1] - expected[1]) <= 1e-3 * drift, "drift of logit %zu: %g, expected %g", v,
              actual[1], expected[1]);
    }
}

static void test_sums(const struct shape *shape) {
    struct comparison comparison = compare(shape);
    const size_t width = shape->width, block = width / 2 + 1, rest = width - block, floats = width * width;
    float *whole[2], *again[2], *blocks[2];
    head_sums(&comparison, 1, 4096, floats, whole);
    head_sums(&comparison, 3, 4096, floats, again);
    head_sums(&comparison, 2, (uint32_t)block, block * block + rest * rest, blocks);
    check_head(&comparison, whole);
    for (int s = 0; s < 2; s++) {
        CHECK(memcmp(whole[s], again[s], floats * sizeof(float)) == 0, "%s: sums %d depend on the threads",
              shape_text(shape), s);
        for (size_t i = 0; i < width; i++) {
            const size_t n = i < block ? block : rest, first = i < block ? 0 : block;
            for (size_t j = s == 0 ? i : first; j < first + n; j++)
                CHECK(blocks[s][first * block + (i - first) * n + j - first] == whole[s][i * width + j],
                      "%zu, %zu of %d", i, j, s);
        }
        free(again[s]);
        free(blocks[s]);
    }
    for (size_t i = 0; i < width; i++) {
        const float expected = whole[0][i * (width + 1)];
        CHECK(fabsf(comparison.squares[i] - expected) <= 1e-4f * expected, "square %zu: %g, expected %g", i,
              (double)comparison.squares[i], (double)expected);
    }
    free(whole[0]);
    free(whole[1]);
    comparison_free(&comparison);
}

/* No calibration of a model of these tensors as the rounded one; the message says `word`. */
static void expect_refusal(const struct comparison *comparison, const struct random_model *random, const char *word) {
    struct rwkv_model *model = random_model_create(random);
    struct rwkv_calibration *calibration = NULL;
    struct rwkv_error error = {0};
    CHECK(rwkv_calibration_create(comparison->original, model, NULL, comparison->tokens, 1, &calibration, &error) ==
              RWKV_ERROR_ARGUMENT,
          "%s: accepted", word);
    CHECK(!calibration, "%s: a calibration in spite of an error", word);
    CHECK(strstr(error.message, word), "%s: %s", word, error.message);
    rwkv_model_free(model);
}

static void test_refusals(void) {
    struct comparison comparison = compare(&odd_shapes[0]);
    const uint32_t layers = odd_shapes[0].layers;
    const uint64_t floats = (uint64_t)odd_shapes[0].width * odd_shapes[0].width;
    float *sums = check_allocate(floats * sizeof *sums), *squares;
    uint64_t columns;
    struct rwkv_error error = {0};
    struct rwkv_context *context = create_context(comparison.original, 1, 16);
    CHECK(rwkv_context_observe(context, "output.weight", &squares, &columns, NULL) == RWKV_OK, "observe");
    CHECK(rwkv_context_observe(context, "output.weight", &squares, &columns, NULL) == RWKV_ERROR_ARGUMENT, "twice");
    CHECK(rwkv_context_observe(context, "nothing", &squares, &columns, &error) == RWKV_ERROR_ARGUMENT, "unknown");
    CHECK(strstr(error.message, "nothing"), "%s", error.message);
    rwkv_context_free(context);

    struct rwkv_calibration *calibration = calibrate(&comparison, 1);
    const char *const head = "output.weight";
    CHECK(rwkv_calibration_watch(calibration, "nothing", 32, sums, sums, floats, NULL) == RWKV_ERROR_ARGUMENT,
          "unknown");
    CHECK(rwkv_calibration_watch(calibration, head, 0, sums, sums, floats, NULL) == RWKV_ERROR_ARGUMENT, "block of 0");
    CHECK(rwkv_calibration_watch(calibration, head, 4096, sums, sums, floats - 1, &error) == RWKV_ERROR_ARGUMENT,
          "few");
    CHECK(strstr(error.message, head), "%s", error.message);
    CHECK(rwkv_calibration_watch(calibration, head, 4096, sums, sums, floats, &error) == RWKV_OK,
          "not after a refusal: %s", error.message);
    CHECK(rwkv_calibration_watch(calibration, head, 4096, sums, sums, floats, NULL) == RWKV_ERROR_ARGUMENT, "twice");
    CHECK(rwkv_calibration_read(calibration, layers + 1, 0, NULL) == RWKV_ERROR_ARGUMENT, "no such layer");
    CHECK(rwkv_calibration_read(calibration, layers, 1, NULL) == RWKV_ERROR_ARGUMENT, "beyond the head");
    rwkv_calibration_free(calibration);

    comparison.tokens[3] = odd_shapes[0].vocabulary;
    CHECK(rwkv_calibration_create(comparison.original, comparison.rounded, NULL, comparison.tokens, TOKENS,
                                  &calibration, &error) == RWKV_ERROR_ARGUMENT,
          "a token that is none");
    CHECK(strstr(error.message, "token 3"), "%s", error.message);
    struct random_model other = random_model_make(&odd_shapes[1]);
    expect_refusal(&comparison, &other, "differ");
    random_model_free(&other);
    comparison.random.config.dense = 0;
    expect_refusal(&comparison, &comparison.random, "dense");
    comparison.random.config.dense = 1;
    comparison.random.config.tensors_are_mapped = 1;
    expect_refusal(&comparison, &comparison.random, "mapped");
    free(sums);
    comparison_free(&comparison);
}

/* ------------------------------------------------------------------ feedback */

enum { COLUMNS = 256, ROWS = 8, INPUTS = 500 };

/* What a matrix is multiplied by, before and after others have been rounded. */
struct inputs {
    float before[INPUTS][COLUMNS], after[INPUTS][COLUMNS];
    float sums[COLUMNS * COLUMNS], drift[COLUMNS * COLUMNS];
};

/* Correlated, as those of models are. */
static struct inputs *make_inputs(float change) {
    struct inputs *inputs = check_allocate(sizeof *inputs);
    memset(inputs, 0, sizeof *inputs);
    for (int t = 0; t < INPUTS; t++) {
        const float common = check_random_float(-1, 1);
        float *x = inputs->before[t], *y = inputs->after[t];
        for (int i = 0; i < COLUMNS; i++)
            x[i] = common + (i ? 0.7f * x[i - 1] : 0) * 0.9f + check_random_float(-1, 1) * (float)(1 + i % 3);
        for (int i = 0; i < COLUMNS; i++) y[i] = x[i] + change * (0.3f * x[(i + 5) % COLUMNS] - 0.1f * x[i]);
        for (int i = 0; i < COLUMNS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                inputs->sums[i * COLUMNS + j] += y[i] * y[j];
                inputs->drift[i * COLUMNS + j] += (x[i] - y[i]) * y[j];
            }
        }
    }
    return inputs;
}

/* Sum over all inputs of the squared errors of all products: of decoded rows with the inputs as they are now, against
 * those of the weights with the inputs as they were. */
static double error_of(uint32_t type, const void *encoded, const float *weights, const struct inputs *inputs) {
    float *values = check_allocate(sizeof(float[ROWS * COLUMNS]));
    const struct rwkv_type_info info = type_info(type);
    const uint64_t bytes = (uint64_t)ROWS * COLUMNS / info.block_elements * info.block_bytes;
    CHECK(rwkv_decode(type, encoded, bytes, values, ROWS * COLUMNS, NULL) == RWKV_OK, "decode");
    double error = 0;
    for (int t = 0; t < INPUTS; t++) {
        for (int row = 0; row < ROWS; row++) {
            double difference = 0;
            for (int i = 0; i < COLUMNS; i++)
                difference += (double)weights[row * COLUMNS + i] * (double)inputs->before[t][i] -
                              (double)values[row * COLUMNS + i] * (double)inputs->after[t][i];
            error += difference * difference;
        }
    }
    free(values);
    return error;
}

/* The error with feedback, with or without the correction for the drift. */
static double error_with_feedback(uint32_t type, const float *weights, const struct inputs *inputs, bool corrected) {
    const struct rwkv_type_info info = type_info(type);
    const uint64_t elements = ROWS * COLUMNS, bytes = elements / info.block_elements * info.block_bytes;
    float *rows = check_allocate(elements * sizeof *rows);
    float *factors = check_allocate(sizeof inputs->sums), *correction = check_allocate(sizeof inputs->drift);
    void *encoded = check_allocate(bytes);
    memcpy(rows, weights, elements * sizeof *rows);
    memcpy(factors, inputs->sums, sizeof inputs->sums);
    memcpy(correction, inputs->drift, sizeof inputs->drift);
    if (!corrected) memset(correction, 0, sizeof inputs->drift);
    struct rwkv_error error = {0};
    CHECK(rwkv_feedback_prepare(factors, correction, COLUMNS, COLUMNS, &error) == RWKV_OK, "%s", error.message);
    CHECK(rwkv_encode_feedback(type, rows, elements, factors, correction, COLUMNS, COLUMNS, encoded, bytes, &error) ==
              RWKV_OK,
          "%s", error.message);
    const double result = error_of(type, encoded, weights, inputs);
    CHECK(rwkv_encode_feedback(type, rows, elements, factors, correction, 48, COLUMNS, encoded, bytes, NULL) ==
              RWKV_ERROR_ARGUMENT,
          "48 columns are no blocks");
    free(encoded);
    free(correction);
    free(factors);
    free(rows);
    return result;
}

static void test_feedback(uint32_t type, const struct inputs *same, const struct inputs *changed) {
    const struct rwkv_type_info info = type_info(type);
    const uint64_t elements = ROWS * COLUMNS, bytes = elements / info.block_elements * info.block_bytes;
    float *weights = check_allocate(elements * sizeof *weights);
    void *encoded = check_allocate(bytes);
    for (uint64_t i = 0; i < elements; i++) weights[i] = check_random_float(-1, 1);
    CHECK(rwkv_encode(type, weights, elements, encoded, bytes, NULL) == RWKV_OK, "%s", info.name);
    const double plain = error_of(type, encoded, weights, same);
    const double fed_back = error_with_feedback(type, weights, same, false);
    CHECK(fed_back < 0.8 * plain, "%s: %g with feedback, %g without", info.name, fed_back, plain);
    const double unchanged = error_with_feedback(type, weights, same, true);
    CHECK(unchanged == fed_back, "%s: corrected where nothing has changed", info.name);
    const double drifting = error_with_feedback(type, weights, changed, false);
    const double corrected = error_with_feedback(type, weights, changed, true);
    CHECK(corrected < 0.5 * drifting, "%s: %g corrected, %g not", info.name, corrected, drifting);
    free(encoded);
    free(weights);
}

/* Without inputs there is nothing to make good: the result is that of the search. */
static void test_no_inputs(void) {
    float weights[64], factors[64 * 64] = {0}, correction[64 * 64] = {0};
    struct block_q4_0 expected[2], actual[2];
    for (int i = 0; i < 64; i++) weights[i] = check_random_float(-1, 1);
    CHECK(rwkv_encode_search(RWKV_TYPE_Q4_0, weights, 64, NULL, 64, expected, sizeof expected, NULL) == RWKV_OK,
          "encode");
    CHECK(rwkv_feedback_prepare(factors, correction, 64, 512, NULL) == RWKV_OK, "prepare");
    CHECK(rwkv_encode_feedback(RWKV_TYPE_Q4_0, weights, 64, factors, correction, 512, 64, actual, sizeof actual,
                               NULL) == RWKV_OK,
          "encode");
    CHECK(memcmp(expected, actual, sizeof expected) == 0, "differs from the search");
}

static void test_infinite_inputs(void) {
    float sums[32 * 32] = {0}, drift[32 * 32] = {0};
    struct rwkv_error error = {0};
    sums[16 * 32 + 20] = INFINITY;
    CHECK(rwkv_feedback_prepare(sums, drift, 48, 16, &error) == RWKV_ERROR_ARGUMENT, "infinite sums");
    CHECK(strstr(error.message, "columns 32 to 47"), "%s", error.message);
}

int main(void) {
    if (!tier_runs_here()) return 77;
    for (int i = 0; i < ODD_SHAPES; i++) test_sums(&odd_shapes[i]);
    test_refusals();
    static const uint32_t types[] = {RWKV_TYPE_Q4_0, RWKV_TYPE_Q4_1, RWKV_TYPE_Q5_0,  RWKV_TYPE_Q5_1,
                                     RWKV_TYPE_Q8_0, RWKV_TYPE_Q2_K, RWKV_TYPE_Q3_K,  RWKV_TYPE_Q4_K,
                                     RWKV_TYPE_Q5_K, RWKV_TYPE_Q6_K, RWKV_TYPE_IQ4_NL};
    struct inputs *same = make_inputs(0), *changed = make_inputs(1);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) test_feedback(types[i], same, changed);
    free(same);
    free(changed);
    test_no_inputs();
    test_infinite_inputs();
    return check_result();
}
