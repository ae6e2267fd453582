/*
 * The vector kernels of every tier that can run here: against the scalar tier for all sizes, and both against the
 * definitions in double. Each kernel of RWKV_VECTOR_KERNELS needs a function test_NAME(tier) here; main is made from
 * the list and does not compile without it.
 */
#include "check.h"
#include "cpu/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct kernels *const scalar = &scalar_kernels;

/* ------------------------------------------------------------------ memory
 * With AddressSanitizer, blocks of exactly n floats; without, between guards that are looked at when freed, and at an
 * odd address. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GUARD 0
#endif
#if !defined(GUARD)
#define GUARD 17
#endif

static const float guard_value = -7777.25f;

static float *floats_new(size_t n) {
    float *block = check_allocate((n + 2 * GUARD) * sizeof *block);
    for (size_t i = 0; i < n + 2 * GUARD; i++) block[i] = guard_value;
    return block + GUARD;
}

static void floats_free(float *floats, size_t n) {
    float *block = floats - GUARD;
    bool intact = true;
    for (size_t i = 0, guards = GUARD; i < guards; i++)
        intact = intact && block[i] == guard_value && floats[n + i] == guard_value;
    CHECK(intact, "something outside of %zu floats was written", n);
    free(block);
}

static float *floats_copy(const float *source, size_t n) {
    float *copy = floats_new(n);
    for (size_t i = 0; i < n; i++) copy[i] = source[i];
    return copy;
}

static float *floats_random(size_t n, float low, float high) {
    float *floats = floats_new(n);
    for (size_t i = 0; i < n; i++) floats[i] = check_random_float(low, high);
    return floats;
}

/* ------------------------------------------------------------------ comparing */

static bool same(float a, float b) { return a == b || (isnan(a) && isnan(b)); }

/* |actual - expected| <= relative * |expected| + absolute; infinities and NaN must be where they are expected. */
static void expect_close(const char *tier, const char *kernel, const float *actual, const float *expected, size_t n,
                         double relative, double absolute) {
    size_t worst = 0;
    double worst_excess = -1;
    for (size_t i = 0; i < n; i++) {
        if (same(actual[i], expected[i])) continue;
        double excess = fabs((double)actual[i] - expected[i]) - relative * fabs(expected[i]) - absolute;
        if (!(excess <= worst_excess)) {
            worst_excess = isnan(excess) ? INFINITY : excess;
            worst = i;
        }
    }
    CHECK(worst_excess <= 0, "%s %s, element %zu of %zu: %.9g, expected %.9g", tier, kernel, worst, n, actual[worst],
          expected[worst]);
}

static void expect_equal(const char *tier, const char *kernel, const char *what, const float *actual,
                         const float *expected, size_t n) {
    size_t i = 0;
    while (i < n && same(actual[i], expected[i])) i++;
    CHECK(i == n, "%s %s, %s, element %zu of %zu: %.9g, expected %.9g", tier, kernel, what, i, n, actual[i],
          expected[i]);
}

static double largest(const float *x, size_t n) {
    double max = 0;
    for (size_t i = 0; i < n; i++) max = fmax(max, fabs(x[i]));
    return max;
}

/* Sizes 1..130, then those of models. */
#define SIZE_COUNT 133
static size_t test_size(size_t index) {
    static const size_t model_sizes[] = {768, 2048, 4096};
    return index < 130 ? index + 1 : model_sizes[index - 130];
}

#define EACH_SIZE(n) for (size_t index = 0, n; index < SIZE_COUNT && (n = test_size(index)); index++)

/* ------------------------------------------------------------------ y = f(x) */

typedef void unary(float *y, const float *x, size_t n);

static const float special_values[] = {
    0.0f,    1e-45f, 1e-40f,  1e-38f, 1e-8f, 3e-4f, 0.1f,  0.5f,    0.624999f, 0.625f, 0.7f,  1.0f,
    2.5f,    9.0f,   9.1f,    16.0f,  17.5f, 50.0f, 87.0f, 88.0f,   88.72f,    88.73f, 89.0f, 95.0f,
    103.97f, 104.0f, 1000.0f, 1e4f,   1e10f, 1e18f, 1e30f, FLT_MAX, INFINITY,  NAN,
};

/* Random values with the special ones of both signs strewn in, more of them the shorter the vector. */
static float *floats_special(size_t n, float low, float high) {
    float *x = floats_random(n, low, high);
    for (size_t i = 0; i < n; i++) {
        if (check_random() % 4) continue;
        float special = special_values[check_random() % COUNT(special_values)];
        x[i] = check_random() % 2 ? special : -special;
    }
    return x;
}

/* Against scalar, in place, and in two pieces; relative + growth * e^x is what is allowed for the argument x. */
static void test_unary(const char *tier, const char *name, unary *kernel, unary *oracle, float range, double relative,
                       double growth) {
    EACH_SIZE(n) {
        for (int round = 0; round < 4; round++) {
            float *x = floats_special(n, -range, range);
            float *expected = floats_new(n), *actual = floats_new(n), *in_place = floats_copy(x, n);
            float *pieces = floats_new(n);
            oracle(expected, x, n);
            kernel(actual, x, n);
            for (size_t i = 0; i < n; i++) {
                double argument = fmin(exp(x[i]), 200); /* e^-200 is 0 */
                expect_close(tier, name, actual + i, expected + i, 1, relative + (growth > 0 ? growth * argument : 0),
                             3e-45);
            }
            kernel(in_place, in_place, n);
            expect_equal(tier, name, "in place", in_place, actual, n);
            size_t first = check_random() % n;
            kernel(pieces, x, first);
            kernel(pieces + first, x + first, n - first);
            expect_equal(tier, name, "in two pieces", pieces, actual, n);
            floats_free(x, n), floats_free(expected, n), floats_free(actual, n), floats_free(in_place, n);
            floats_free(pieces, n);
        }
    }
}

/* Against the definition in double, every 9973rd float up to `limit` of both signs. */
static void sweep(const char *tier, const char *name, unary *kernel, double (*definition)(double x), float limit,
                  double relative) {
    enum { BATCH = 1000 };
    static float x[BATCH], y[BATCH];
    double worst = 0;
    float worst_x = 0;
    size_t count = 0;
    for (uint32_t bits = 0; count == BATCH || bits < 0x7F800000; bits += 9973) {
        float value;
        memcpy(&value, &bits, sizeof value);
        if (count == BATCH || value > limit) {
            kernel(y, x, count);
            for (size_t i = 0; i < count; i++) {
                double expected = definition(x[i]);
                double error = fabs(y[i] - expected) / fmax(fabs(expected), FLT_MIN);
                if (!(error <= worst)) worst = isnan(error) ? INFINITY : error, worst_x = x[i];
            }
            count = 0;
        }
        if (value > limit) break;
        x[count++] = value;
        x[count++] = -value;
    }
    CHECK(worst <= relative, "%s %s(%.9g): relative error %.3g", tier, name, worst_x, worst);
    printf("%-8s %-20s largest relative error %.2f * 2^-23\n", tier, name, worst * 0x1p23);
}

static double define_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double define_silu(double x) { return x / (1 + exp(-x)); }
static double define_decay_sigmoid(double x) { return exp(-exp(-0.5) / (1 + exp(-x))); }

#define ULP 0x1p-23

static void test_sigmoid(const struct kernels *tier) {
    test_unary(tier->name, "sigmoid", tier->sigmoid, scalar->sigmoid, 20, 4 * ULP, 0);
    sweep(tier->name, "sigmoid", tier->sigmoid, define_sigmoid, 200, 3 * ULP);
}

static void test_hyperbolic_tangent(const struct kernels *tier) {
    test_unary(tier->name, "tanh", tier->hyperbolic_tangent, scalar->hyperbolic_tangent, 5, 4 * ULP, 0);
    sweep(tier->name, "tanh", tier->hyperbolic_tangent, tanh, 200, 3 * ULP);
}

static void test_silu(const struct kernels *tier) {
    test_unary(tier->name, "silu", tier->silu, scalar->silu, 20, 5 * ULP, 0);
    /* Below about -87 the sigmoid is subnormal and has fewer bits. */
    sweep(tier->name, "silu", tier->silu, define_silu, 87, 4 * ULP);
}

static void test_relu_squared(const struct kernels *tier) {
    test_unary(tier->name, "relu_squared", tier->relu_squared, scalar->relu_squared, 5, 0, 0);
}

static void test_exp_negative_exp(const struct kernels *tier) {
    /* An error of the inner exponential is multiplied by its value. */
    test_unary(tier->name, "exp_negative_exp", tier->exp_negative_exp, scalar->exp_negative_exp, 10, 4 * ULP, 4 * ULP);
    float x[] = {-INFINITY, -1000, 0, 100, 1000, INFINITY}, y[COUNT(x)];
    tier->exp_negative_exp(y, x, COUNT(x));
    float expected[] = {1, 1, 0.36787944f, 0, 0, 0};
    expect_close(tier->name, "exp_negative_exp", y, expected, COUNT(x), 2 * ULP, 0);
}

static void test_decay_sigmoid(const struct kernels *tier) {
    test_unary(tier->name, "decay_sigmoid", tier->decay_sigmoid, scalar->decay_sigmoid, 20, 4 * ULP, 0);
    sweep(tier->name, "decay_sigmoid", tier->decay_sigmoid, define_decay_sigmoid, 200, 3 * ULP);
}

/* ------------------------------------------------------------------ arithmetic of several vectors */

/* All elementwise kernels of up to three inputs in one form; those with fewer ignore the rest. */
typedef void elementwise(const struct kernels *tier, float *y, const float *a, const float *b, const float *c,
                         size_t n);

static void test_elementwise(const struct kernels *tier, const char *name, elementwise *call, int inputs,
                             double relative_to_inputs) {
    EACH_SIZE(n) {
        float *in[3], *expected = floats_new(n), *actual = floats_new(n), *pieces = floats_new(n);
        for (int i = 0; i < 3; i++) in[i] = floats_random(n, -3, 3);
        call(scalar, expected, in[0], in[1], in[2], n);
        call(tier, actual, in[0], in[1], in[2], n);
        expect_close(tier->name, name, actual, expected, n, relative_to_inputs, 20 * relative_to_inputs);

        size_t first = check_random() % n;
        call(tier, pieces, in[0], in[1], in[2], first);
        call(tier, pieces + first, in[0] + first, in[1] + first, in[2] + first, n - first);
        expect_equal(tier->name, name, "in two pieces", pieces, actual, n);

        for (int i = 0; i < inputs; i++) {
            float *kept = floats_copy(in[i], n);
            call(tier, in[i], in[0], in[1], in[2], n);
            expect_equal(tier->name, name, "in place", in[i], actual, n);
            memcpy(in[i], kept, n * sizeof *kept);
            floats_free(kept, n);
        }
        for (int i = 0; i < 3; i++) floats_free(in[i], n);
        floats_free(expected, n), floats_free(actual, n), floats_free(pieces, n);
    }
}

static void call_lerp(const struct kernels *tier, float *y, const float *a, const float *b, const float *c, size_t n) {
    tier->lerp(y, a, b, c, n);
}

static void call_add(const struct kernels *tier, float *y, const float *a, const float *b, const float *c, size_t n) {
    (void)c;
    tier->add(y, a, b, n);
}

static void call_add_scaled(const struct kernels *tier, float *y, const float *a, const float *b, const float *c,
                            size_t n) {
    (void)c;
    tier->add_scaled(y, a, b, 1.7f, n);
}

static void call_multiply(const struct kernels *tier, float *y, const float *a, const float *b, const float *c,
                          size_t n) {
    (void)c;
    tier->multiply(y, a, b, n);
}

static void test_lerp(const struct kernels *tier) { test_elementwise(tier, "lerp", call_lerp, 3, ULP); }
static void test_add(const struct kernels *tier) { test_elementwise(tier, "add", call_add, 2, 0); }
static void test_add_scaled(const struct kernels *tier) {
    test_elementwise(tier, "add_scaled", call_add_scaled, 2, ULP);
}
static void test_multiply(const struct kernels *tier) { test_elementwise(tier, "multiply", call_multiply, 2, 0); }

/* y += v * sum: y is input and output, and may not be seen as another input of the sum. */
static void test_add_bonus(const struct kernels *tier) {
    EACH_SIZE(n) {
        float *r = floats_random(n, -2, 2), *k = floats_random(n, -2, 2), *u = floats_random(n, -2, 2);
        float *v = floats_random(n, -2, 2), *y = floats_random(n, -2, 2), *expected = floats_copy(y, n);
        double terms = 0;
        for (size_t i = 0; i < n; i++) terms += fabs((double)r[i] * k[i] * u[i]);
        scalar->add_bonus(expected, r, k, u, v, n);
        tier->add_bonus(y, r, k, u, v, n);
        expect_close(tier->name, "add_bonus", y, expected, n, 2 * ULP, 2 * terms * 4 * ULP);
        floats_free(r, n), floats_free(k, n), floats_free(u, n), floats_free(v, n), floats_free(y, n);
        floats_free(expected, n);
    }
}

/* ------------------------------------------------------------------ norms */

static void test_layer_norm(const struct kernels *tier) {
    static const struct {
        float mean, spread, epsilon;
    } inputs[] = {{0, 1, 1e-5f},   {0.3f, 2, 64e-5f}, {0, 0, 1e-5f},      {0, 0.003f, 1e-5f}, {1, 0, 1e-5f},
                  {100, 1, 1e-5f}, {1e4f, 1, 1e-5f},  {-1e4f, 0, 64e-5f}, {0, 1e15f, 1e-5f},  {0, 1e-20f, 1e-5f}};
    EACH_SIZE(n) {
        float *weight = floats_random(n, -2, 2), *bias = floats_random(n, -1, 1);
        for (size_t i = 0; i < COUNT(inputs); i++) {
            float mean = inputs[i].mean, spread = inputs[i].spread, epsilon = inputs[i].epsilon;
            float *x = floats_random(n, mean - spread, mean + spread);
            float *expected = floats_new(n), *actual = floats_new(n);
            scalar->layer_norm(expected, x, weight, bias, epsilon, n);
            tier->layer_norm(actual, x, weight, bias, epsilon, n);
            expect_close(tier->name, "layer_norm", actual, expected, n, 8 * ULP, 16 * ULP);
            tier->layer_norm(x, x, weight, bias, epsilon, n);
            expect_equal(tier->name, "layer_norm", "in place", x, actual, n);
            floats_free(x, n), floats_free(expected, n), floats_free(actual, n);
        }
        floats_free(weight, n), floats_free(bias, n);
    }
    float x[] = {1, 2, 3, 6}, weight[] = {1, 1, 2, 1}, bias[] = {0, 0, 0, 10}, y[4];
    tier->layer_norm(y, x, weight, bias, 0.5f, 4); /* mean 3, variance 14 / 4, with epsilon 4 */
    float expected[] = {-1, -0.5f, 0, 11.5f};
    expect_close(tier->name, "layer_norm", y, expected, 4, ULP, 0);
}

static void test_l2_normalise(const struct kernels *tier) {
    static const float spreads[] = {1, 0, 1e-6f, 1e-13f, 1e-20f, 1e-40f, 1e4f, 1e15f};
    EACH_SIZE(n) {
        for (size_t i = 0; i < COUNT(spreads); i++) {
            float *x = floats_random(n, -spreads[i], spreads[i]);
            float *expected = floats_new(n), *actual = floats_new(n);
            scalar->l2_normalise(expected, x, n);
            tier->l2_normalise(actual, x, n);
            expect_close(tier->name, "l2_normalise", actual, expected, n, 8 * ULP, 3e-45);
            tier->l2_normalise(x, x, n);
            expect_equal(tier->name, "l2_normalise", "in place", x, actual, n);
            floats_free(x, n), floats_free(expected, n), floats_free(actual, n);
        }
    }
    float x[] = {3, 0, -4}, y[3], expected[] = {0.6f, 0, -0.8f};
    tier->l2_normalise(y, x, 3);
    expect_close(tier->name, "l2_normalise", y, expected, 3, ULP, 0);
}

/* ------------------------------------------------------------------ q8 rows */

/* A group of a row for paired panels: the q8 row keeps to its limits, and what follows it says the same. */
static void check_paired_group(const struct kernels *tier, const float x[Q8_GROUP], const char *row, size_t n,
                               size_t group) {
    const int8_t *q = (const int8_t *)row + group * Q8_GROUP;
    const float scale = q8_row_scales(row, n)[group], sum = q8_row_sums(row, n)[group];
    const int16_t *halves = q8_row_halves(row, n) + 2 * group;
    const struct paired_group *paired = &paired_row_groups(row, n)[group];
    double most = 0, least = 0;
    bool finite = true;
    for (int i = 0; i < Q8_GROUP; i++) {
        finite = finite && isfinite(x[i]);
        most = fmax(most, (double)x[i]);
        least = fmax(least, -(double)x[i]);
    }
    double expected = fmax(fmax(most, least) / 127, fmin(most, least) / -PAIRED_LEAST);
    if (least > most) expected = -expected;
    if (!finite)
        CHECK(isnan(scale) && isnan(sum) && isnan(paired->scale), "%s: group %zu has a scale of %g", tier->name, group,
              (double)scale);
    else
        CHECK(fabs((double)scale - expected) <= 1e-6 * fabs(expected) + 1e-38 && scale == paired->scale,
              "%s: group %zu has a scale of %g, expected %g", tier->name, group, (double)scale, expected);

    int32_t pairs = 0, total[2] = {0, 0};
    for (int i = 0; i < Q8_GROUP; i++) {
        const int kept = i < 16 ? paired->first[i] : paired->second[i - 16] - 128;
        CHECK(kept == q[i] && q[i] >= PAIRED_LEAST, "%s: %d, %d", tier->name, kept, q[i]);
        CHECK(!finite || fabs(x[i] - (double)scale * q[i]) <= 0.50001 * fabs((double)scale) + 5e-37,
              "%s: %g became %d times %g", tier->name, (double)x[i], q[i], (double)scale);
        total[i / 16] += q[i];
        if (i < 16) pairs -= paired->first[i] * (i < UNPAIRED ? 15 : paired->second[i]);
    }
    pairs += 7 * (total[0] + total[1]);
    CHECK(pairs == paired->pairs, "%s: pairs of group %zu are %d, not %d", tier->name, group, paired->pairs, pairs);
    CHECK(halves[0] == total[0] && halves[1] == total[1], "%s: halves of group %zu", tier->name, group);
    CHECK(!finite || sum == scale * (float)(total[0] + total[1]), "%s: sum %g", tier->name, (double)sum);
}

/* x, and what is made of it by changing signs and sizes, as rows with gaps between, in two parts. */
static void check_paired(const struct kernels *tier, const float *x, size_t n) {
    enum { ROWS = 3, GAP = 8 };
    static const float factors[ROWS] = {1, -1, 0.3f};
    const size_t x_stride = n + GAP, row_bytes = paired_row_bytes(n) + GAP, cut = n / Q8_GROUP / 3 * Q8_GROUP;
    float *inputs = check_allocate(ROWS * x_stride * sizeof *inputs);
    char *rows = check_allocate(ROWS * row_bytes);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < n; i++) inputs[row * x_stride + i] = factors[row] * x[i];
    memset(rows, 1, ROWS * row_bytes);
    tier->quantise_paired(rows, row_bytes, inputs, x_stride, ROWS, n, cut, n - cut);
    tier->quantise_paired(rows, row_bytes, inputs, x_stride, ROWS, n, 0, cut);
    for (size_t row = 0; row < ROWS; row++) {
        const char *done = rows + row * row_bytes;
        for (size_t group = 0; group < n / Q8_GROUP; group++)
            check_paired_group(tier, inputs + row * x_stride + group * Q8_GROUP, done, n, group);
        for (size_t i = 0; i < GAP; i++)
            CHECK(done[paired_row_bytes(n) + i] == 1, "%s: written between rows", tier->name);
    }
    free(rows);
    free(inputs);
}

static void compare_q8(const struct kernels *tier, const float *x, size_t n) {
    if (tier->quantise_paired) check_paired(tier, x, n);

    size_t bytes = q8_row_bytes(n), groups = n / Q8_GROUP;
    char *expected = check_allocate(bytes), *actual = check_allocate(bytes);
    const size_t cut = groups / 3 * Q8_GROUP;
    scalar->quantise_q8(expected, x, n, 0, n);
    tier->quantise_q8(actual, x, n, cut, n - cut);
    tier->quantise_q8(actual, x, n, 0, cut);
    CHECK(memcmp(actual, expected, n) == 0, "%s quantise_q8, values, n = %zu", tier->name, n);
    expect_equal(tier->name, "quantise_q8", "scales", q8_row_scales(actual, n), q8_row_scales(expected, n), groups);
    expect_equal(tier->name, "quantise_q8", "sums", q8_row_sums(actual, n), q8_row_sums(expected, n), groups);

    const int8_t *q = (const int8_t *)actual;
    for (size_t group = 0; group < groups; group++) {
        float scale = q8_row_scales(actual, n)[group], sum = q8_row_sums(actual, n)[group];
        bool finite = true, near = true;
        double total = 0;
        for (size_t i = group * Q8_GROUP; i < (group + 1) * Q8_GROUP; i++) {
            finite = finite && isfinite(x[i]);
            near = near && fabs(x[i] - (double)scale * q[i]) <= 0.50001 * scale + 5e-37 && q[i] >= -127;
            total += q[i];
        }
        if (finite)
            CHECK(near && fabs(sum - scale * total) <= ULP * fabs(sum), "%s group %zu of %zu", tier->name, group,
                  groups);
        else
            CHECK(isnan(scale) && isnan(sum), "%s: scale %g, sum %g for a group that is not finite", tier->name, scale,
                  sum);
    }
    free(expected), free(actual);
}

static void test_quantise_q8(const struct kernels *tier) {
    for (size_t n = 32; n <= 4096; n += n < 512 ? 32 : 512) {
        for (int round = 0; round < 20; round++) {
            float spread = powf(10, check_random_float(-44, 38));
            float *x = floats_random(n, -spread, spread);
            compare_q8(tier, x, n);
            floats_free(x, n);
            x = floats_special(n, -1, 1);
            compare_q8(tier, x, n);
            floats_free(x, n);
            x = floats_random(n, 0, 1);
            for (size_t i = 0; i < n; i++) x[i] = i % 32 == 7 ? -127 : floorf(x[i] * 253 - 126) + 0.5f; /* ties */
            compare_q8(tier, x, n);
            floats_free(x, n);
        }
    }
    float x[32] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -127};
    int8_t expected[32] = {127, 0, 2, 2, 0, -2, -127};
    char *row = check_allocate(q8_row_bytes(32));
    tier->quantise_q8(row, x, 32, 0, 32);
    CHECK(memcmp(row, expected, 32) == 0, "%s: ties go to even", tier->name);
    CHECK(q8_row_scales(row, 32)[0] == 1 && q8_row_sums(row, 32)[0] == 2, "%s: scale and sum", tier->name);
    memset(x, 0, sizeof x);
    tier->quantise_q8(row, x, 32, 0, 32);
    CHECK(q8_row_scales(row, 32)[0] == 0 && q8_row_sums(row, 32)[0] == 0, "%s: zeros", tier->name);
    if (tier->quantise_paired) check_paired(tier, x, 32);
    free(row);
}

/* ------------------------------------------------------------------ WKV: rows with gaps between */

/* `tokens` rows of n floats, `stride` apart, without a gap after the last. */
static size_t span(size_t tokens, size_t stride, size_t n) { return (tokens - 1) * stride + n; }

/* What a kernel has no business to write: the gaps still hold what floats_new put there. */
static void expect_gaps(const char *tier, const char *kernel, const float *y, size_t tokens, size_t stride, size_t n) {
    bool intact = true;
    for (size_t t = 0; t + 1 < tokens; t++)
        for (size_t i = n; i < stride; i++) intact = intact && y[t * stride + i] == guard_value;
    CHECK(intact, "%s %s wrote between the rows", tier, kernel);
}

static void normalise_rows(float *x, size_t tokens, size_t stride, size_t n) {
    for (size_t t = 0; t < tokens; t++) scalar->l2_normalise(x + t * stride, x + t * stride, n);
}

/* ------------------------------------------------------------------ RWKV-4 */

struct wkv4_state {
    float *aa, *bb, *pp;
};

static struct wkv4_state wkv4_fresh(size_t n) {
    struct wkv4_state s = {floats_new(n), floats_new(n), floats_new(n)};
    for (size_t i = 0; i < n; i++) s.aa[i] = s.bb[i] = 0, s.pp[i] = -1e30f;
    return s;
}

static void wkv4_free(struct wkv4_state s, size_t n) {
    floats_free(s.aa, n), floats_free(s.bb, n), floats_free(s.pp, n);
}

static void wkv4_call(const struct kernels *tier, struct wkv4_state s, size_t channel, float *y, const float *k,
                      const float *v, const float *w, const float *u, size_t tokens, size_t stride, size_t n) {
    tier->wkv4(y + channel, s.aa + channel, s.bb + channel, s.pp + channel, k + channel, v + channel, w + channel,
               u + channel, tokens, stride, n);
}

static void expect_close_wkv4(const char *tier, const char *what, struct wkv4_state actual, struct wkv4_state expected,
                              size_t n) {
    expect_close(tier, what, actual.aa, expected.aa, n, 20 * ULP, 20 * ULP * largest(expected.bb, n) * 3);
    expect_close(tier, what, actual.bb, expected.bb, n, 20 * ULP, 0);
    expect_close(tier, what, actual.pp, expected.pp, n, ULP, 0);
}

static void compare_wkv4(const struct kernels *tier, size_t tokens, size_t stride, size_t n, float key_range) {
    size_t count = span(tokens, stride, n);
    float *k = floats_random(count, -key_range, key_range), *v = floats_random(count, -3, 3);
    float *w = floats_random(n, -4, -0.001f), *u = floats_random(n, -2, 2);
    struct wkv4_state expected_state = wkv4_fresh(n), state = wkv4_fresh(n), chained = wkv4_fresh(n);
    float *expected = floats_new(count), *y = floats_new(count), *steps = floats_new(count);

    wkv4_call(scalar, expected_state, 0, expected, k, v, w, u, tokens, stride, n);
    wkv4_call(tier, state, 0, y, k, v, w, u, tokens, stride, n);
    expect_close(tier->name, "wkv4", y, expected, count, 0, 20 * ULP * 3);
    expect_close_wkv4(tier->name, "wkv4 state", state, expected_state, n);
    expect_gaps(tier->name, "wkv4", y, tokens, stride, n);

    /* Token by token, the channels in two pieces, the result in the place of v. */
    size_t first = check_random() % n;
    memcpy(steps, v, count * sizeof *steps);
    for (size_t t = 0; t < tokens; t++) {
        float *row = steps + t * stride;
        if (first) wkv4_call(tier, chained, 0, row, k + t * stride, row, w, u, 1, stride, first);
        wkv4_call(tier, chained, first, row, k + t * stride, row, w, u, 1, stride, n - first);
    }
    for (size_t t = 0; t < tokens; t++)
        expect_equal(tier->name, "wkv4", "chained", steps + t * stride, y + t * stride, n);
    expect_equal(tier->name, "wkv4", "chained aa", chained.aa, state.aa, n);
    expect_equal(tier->name, "wkv4", "chained bb", chained.bb, state.bb, n);
    expect_equal(tier->name, "wkv4", "chained pp", chained.pp, state.pp, n);

    floats_free(k, count), floats_free(v, count), floats_free(w, n), floats_free(u, n);
    floats_free(expected, count), floats_free(y, count), floats_free(steps, count);
    wkv4_free(expected_state, n), wkv4_free(state, n), wkv4_free(chained, n);
}

/* The weighted mean as the paper writes it, which overflows for large keys but needs no state. */
static void define_wkv4(const struct kernels *tier) {
    enum { TOKENS = 12, N = 11 };
    float *k = floats_random(TOKENS * N, -5, 5), *v = floats_random(TOKENS * N, -3, 3);
    float *w = floats_random(N, -2, -0.001f), *u = floats_random(N, -2, 2), *y = floats_new(TOKENS * N);
    float *expected = floats_new(TOKENS * N);
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t i = 0; i < N; i++) {
            double numerator = exp(u[i] + k[t * N + i]) * v[t * N + i], denominator = exp(u[i] + k[t * N + i]);
            for (size_t s = 0; s < t; s++) {
                double weight = exp((double)(t - 1 - s) * w[i] + k[s * N + i]);
                numerator += weight * v[s * N + i];
                denominator += weight;
            }
            expected[t * N + i] = (float)(numerator / denominator);
        }
    }
    struct wkv4_state state = wkv4_fresh(N);
    wkv4_call(tier, state, 0, y, k, v, w, u, TOKENS, N, N);
    expect_close(tier->name, "wkv4 definition", y, expected, TOKENS * N, 0, 20 * ULP * 3);
    wkv4_free(state, N);
    floats_free(k, TOKENS * N), floats_free(v, TOKENS * N), floats_free(w, N), floats_free(u, N);
    floats_free(y, TOKENS * N), floats_free(expected, TOKENS * N);
}

static void test_wkv4(const struct kernels *tier) {
    for (size_t n = 1; n <= 40; n++)
        for (size_t tokens = 1; tokens <= 20; tokens += 1 + n % 3) compare_wkv4(tier, tokens, n + n % 4, n, 3);
    compare_wkv4(tier, 20, 768, 768, 100); /* e^100 is no float */
    compare_wkv4(tier, 5, 2048, 2048, 1e4f);
    compare_wkv4(tier, 3, 4099, 4096, 10);
    define_wkv4(tier);
}

/* ------------------------------------------------------------------ RWKV-5, 6 and 7 */

static const size_t head_sizes[] = {1, 3, 8, 13, 16, 24, 31, 48, 64, 77, 96, 128};

/* One head with all that its kernel reads; y and s are compared. */
struct head {
    size_t tokens, stride, n, w_stride, count, s_count;
    float *r, *w, *k, *v, *u, *kappa, *a, *s;
};

static struct head head_new(size_t tokens, size_t stride, size_t n, bool one_decay) {
    size_t count = span(tokens, stride, n);
    struct head head = {.tokens = tokens, .stride = stride, .n = n, .w_stride = one_decay ? 0 : stride};
    head.count = count, head.s_count = n * n;
    head.r = floats_random(count, -1, 1), head.k = floats_random(count, -1, 1), head.v = floats_random(count, -2, 2);
    head.w = floats_random(one_decay ? n : count, 0.5452f, 0.9999f);
    head.u = floats_random(n, -1, 1), head.a = floats_random(count, 0, 1);
    head.kappa = floats_random(count, -1, 1), head.s = floats_random(n * n, -1, 1);
    normalise_rows(head.kappa, tokens, stride, n);
    return head;
}

static void head_free(struct head *head) {
    size_t count = head->count;
    floats_free(head->r, count), floats_free(head->k, count), floats_free(head->v, count);
    floats_free(head->w, head->w_stride ? count : head->n), floats_free(head->u, head->n), floats_free(head->a, count);
    floats_free(head->kappa, count), floats_free(head->s, head->s_count);
}

/* Runs `tokens` tokens of a head from number `from` on. */
typedef void recurrence(const struct kernels *tier, const struct head *head, float *y, float *s, size_t from,
                        size_t tokens);

static void call_wkv6(const struct kernels *tier, const struct head *h, float *y, float *s, size_t from,
                      size_t tokens) {
    size_t at = from * h->stride;
    tier->wkv6(y + at, s, h->r + at, h->w + from * h->w_stride, h->w_stride, h->k + at, h->v + at, h->u, tokens,
               h->stride, h->n, s);
}

static void call_wkv7(const struct kernels *tier, const struct head *h, float *y, float *s, size_t from,
                      size_t tokens) {
    size_t at = from * h->stride;
    tier->wkv7(y + at, s, h->r + at, h->w + at, h->k + at, h->v + at, h->kappa + at, h->a + at, tokens, h->stride, h->n,
               s);
}

static void compare_head(const struct kernels *tier, const char *name, recurrence *run, const struct head *head) {
    size_t count = head->count, tokens = head->tokens;
    float *expected = floats_new(count), *y = floats_new(count), *chunks = floats_new(count);
    float *expected_s = floats_copy(head->s, head->s_count), *s = floats_copy(head->s, head->s_count);
    float *chunks_s = floats_copy(head->s, head->s_count);
    run(scalar, head, expected, expected_s, 0, tokens);
    run(tier, head, y, s, 0, tokens);
    double tolerance = 16 * ULP;
    expect_close(tier->name, name, y, expected, count, 0, tolerance * (1 + largest(expected, count)));
    expect_close(tier->name, name, s, expected_s, head->s_count, 0,
                 tolerance * (1 + largest(expected_s, head->s_count)));
    expect_gaps(tier->name, name, y, tokens, head->stride, head->n);

    for (size_t from = 0, chunk; from < tokens; from += chunk) {
        chunk = 1 + check_random() % (tokens - from);
        run(tier, head, chunks, chunks_s, from, chunk);
    }
    expect_equal(tier->name, name, "in chunks", chunks, y, count);
    expect_equal(tier->name, name, "state in chunks", chunks_s, s, head->s_count);

    floats_free(expected, count), floats_free(y, count), floats_free(chunks, count);
    floats_free(expected_s, head->s_count), floats_free(s, head->s_count), floats_free(chunks_s, head->s_count);
}

static void compare_heads(const struct kernels *tier, const char *name, recurrence *run, bool one_decay) {
    for (size_t i = 0; i < COUNT(head_sizes); i++) {
        size_t n = head_sizes[i];
        for (size_t tokens = 1; tokens <= 20; tokens++) {
            size_t stride = tokens % 2 ? n : 3 * n + 5; /* the gap is so wide that kappa and w there are not used */
            struct head head = head_new(tokens, stride, n, one_decay);
            compare_head(tier, name, run, &head);
            head_free(&head);
        }
    }
}

/* S after t tokens as a sum over the tokens before: S_ij = (w_0j … w_tj) S0_ij + sum_s (w_(s+1)j … w_tj) k_sj v_si. */
static void define_wkv6(const struct kernels *tier, bool one_decay) {
    enum { TOKENS = 7, N = 5 };
    struct head h = head_new(TOKENS, N, N, one_decay);
    float *y = floats_new(TOKENS * N), *expected = floats_new(TOKENS * N), *s = floats_copy(h.s, N * N);
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t i = 0; i < N; i++) {
            double sum = 0;
            for (size_t j = 0; j < N; j++) {
                double state = 0, decay = 1;
                for (size_t past = t; past-- > 0; decay *= h.w[past * h.w_stride + j])
                    state += decay * h.k[past * N + j] * h.v[past * N + i];
                state += decay * h.s[i * N + j];
                sum += h.r[t * N + j] * (state + (double)h.u[j] * h.k[t * N + j] * h.v[t * N + i]);
            }
            expected[t * N + i] = (float)sum;
        }
    }
    call_wkv6(tier, &h, y, s, 0, TOKENS);
    expect_close(tier->name, "wkv6 definition", y, expected, TOKENS * N, 0,
                 16 * ULP * (1 + largest(expected, TOKENS * N)));
    floats_free(y, TOKENS * N), floats_free(expected, TOKENS * N), floats_free(s, N * N);
    head_free(&h);
}

static void test_wkv6(const struct kernels *tier) {
    compare_heads(tier, "wkv6", call_wkv6, false);
    compare_heads(tier, "wkv6, one decay", call_wkv6, true);
    define_wkv6(tier, false);
    define_wkv6(tier, true);
}

/* As the paper's matrices: S = S (diag(w) - kappa^T (a * kappa)) + v^T k, y = S r. */
static void define_wkv7(const struct kernels *tier) {
    enum { TOKENS = 7, N = 5 };
    struct head h = head_new(TOKENS, N, N, false);
    float *y = floats_new(TOKENS * N), *expected = floats_new(TOKENS * N), *s = floats_copy(h.s, N * N);
    double state[N][N], next[N][N];
    for (size_t i = 0; i < N * N; i++) state[i / N][i % N] = h.s[i];
    for (size_t t = 0; t < TOKENS; t++) {
        const float *w = h.w + t * N, *kappa = h.kappa + t * N, *a = h.a + t * N;
        for (size_t i = 0; i < N; i++) {
            double sum = 0;
            for (size_t j = 0; j < N; j++) {
                next[i][j] = (double)h.v[t * N + i] * h.k[t * N + j];
                for (size_t m = 0; m < N; m++) {
                    double transition = (m == j ? w[j] : 0) - (double)kappa[m] * a[j] * kappa[j];
                    next[i][j] += state[i][m] * transition;
                }
                sum += next[i][j] * h.r[t * N + j];
            }
            expected[t * N + i] = (float)sum;
        }
        memcpy(state, next, sizeof state);
    }
    call_wkv7(tier, &h, y, s, 0, TOKENS);
    expect_close(tier->name, "wkv7 definition", y, expected, TOKENS * N, 0,
                 16 * ULP * (1 + largest(expected, TOKENS * N)));
    for (size_t i = 0; i < N * N; i++) {
        float element = (float)state[i / N][i % N];
        expect_close(tier->name, "wkv7 definition, state", s + i, &element, 1, 16 * ULP, 16 * ULP);
    }
    floats_free(y, TOKENS * N), floats_free(expected, TOKENS * N), floats_free(s, N * N);
    head_free(&h);
}

static void test_wkv7(const struct kernels *tier) {
    compare_heads(tier, "wkv7", call_wkv7, false);
    define_wkv7(tier);
}

int main(void) {
    const struct kernels *tiers[8];
    size_t tier_count = kernels_available(tiers, COUNT(tiers));
    CHECK(tier_count >= 1 && tier_count <= COUNT(tiers), "%zu tiers", tier_count);
    for (size_t i = 0; i < tier_count; i++) {
        printf("tier %s\n", tiers[i]->name);
#define X(name, arguments) test_##name(tiers[i]);
        RWKV_VECTOR_KERNELS(X)
#undef X
    }
    return check_result();
}
