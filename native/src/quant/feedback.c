#include "feedback.h"

#include <math.h>

#include "places.h"

/* What is added to the diagonal of H, relative to its mean. */
#define DAMPING 0.01

/* ------------------------------------------------------------------ factors */

/* a[n][n] = R, upper, with R R^T the symmetric matrix whose upper triangle a was. */
static void factor_backwards(double *a, size_t n, double *column) {
    for (size_t k = n; k-- > 0;) {
        const double pivot = sqrt(a[k * n + k]);
        for (size_t i = 0; i < k; i++) column[i] = a[i * n + k] /= pivot;
        a[k * n + k] = pivot;
        for (size_t i = 0; i < k; i++) {
            double *row = a + i * n;
            const double c = column[i];
            for (size_t j = i; j < k; j++) row[j] -= c * column[j];
        }
    }
}

/* r[n][n], upper, becomes its inverse. */
static void invert_upper(double *r, size_t n, double *row) {
    for (size_t i = n; i-- > 0;) {
        double *result = r + i * n;
        memcpy(row, result, n * sizeof *row);
        for (size_t j = i + 1; j < n; j++) result[j] = 0;
        const double inverse = 1 / row[i];
        result[i] = inverse;
        for (size_t k = i + 1; k < n; k++) {
            const double factor = -inverse * row[k], *other = r + k * n;
            for (size_t j = k; j < n; j++) result[j] += factor * other[j];
        }
    }
}

void feedback_factor(float *h, size_t n, double *work) {
    double trace = 0;
    for (size_t i = 0; i < n; i++) trace += (double)h[i * n + i];
    const double damping = trace > 0 ? DAMPING * trace / (double)n : 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) work[i * n + j] = (double)h[i * n + j];
        work[i * n + i] += damping;
    }
    factor_backwards(work, n, work + n * n);
    invert_upper(work, n, work + n * n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) h[i * n + j] = j < i ? 0 : (float)work[i * n + j];
}

static const struct kernels *find_kernels(void) {
    const struct kernels *found = kernels_get();
    return found ? found : &scalar_kernels;
}

void feedback_correction(float *d, const float *factor, size_t n, float *row) {
    const struct kernels *kernels = find_kernels();
    for (size_t i = 0; i < n; i++) { /* d_i := (d_i U^T) U */
        float *result = d + i * n;
        kernels->matrix[WEIGHT_F32].matvec(row, factor, n * sizeof *factor, n, result, n);
        memset(result, 0, n * sizeof *result);
        for (size_t j = 0; j < n; j++) kernels->add_scaled(result + j, result + j, factor + j * n + j, row[j], n - j);
    }
}

/* ------------------------------------------------------------------ encoding */

static void store_places(enum weight_type type, void *block, const uint8_t *q) {
    switch (type) {
#define X(NAME, name)                                                                                                  \
    case WEIGHT_##NAME: store_places_##name(block, q); break;
        RWKV_BLOCK_TYPES(X)
#undef X
    default: break;
    }
}

static int highest_place(enum weight_type type) {
    switch (type) {
    case WEIGHT_Q8_0: return 254;
    case WEIGHT_Q6_K: return 63;
    case WEIGHT_Q5_0:
    case WEIGHT_Q5_1:
    case WEIGHT_Q5_K: return 31;
    case WEIGHT_Q3_K: return 7;
    case WEIGHT_Q2_K: return 3;
    default: return 15;
    }
}

/* The levels of the elements of a block. */
struct levels {
    int highest;
    bool iq4_nl;
    float lowest[BLOCK_K], step[BLOCK_K]; /* of IQ4_NL the step is that of its integers */
};

/* Found by decoding the block with other places in it. */
static void find_levels(struct levels *levels, enum weight_type type, void *block, size_t n) {
    uint8_t q[BLOCK_K] = {0};
    store_places(type, block, q);
    decode_row(type, levels->lowest, block, n);
    memset(q, 1, sizeof q);
    store_places(type, block, q);
    decode_row(type, levels->step, block, n);
    levels->highest = highest_place(type);
    levels->iq4_nl = type == WEIGHT_IQ4_NL;
    const float unit = levels->iq4_nl ? (float)(iq4_nl_values[1] - iq4_nl_values[0]) : 1;
    for (size_t e = 0; e < n; e++) levels->step[e] = (levels->step[e] - levels->lowest[e]) / unit;
}

/* The place of the nearest level, and that level in *value. */
static uint8_t nearest(const struct levels *levels, size_t e, float x, float *value) {
    const float lowest = levels->lowest[e], step = levels->step[e];
    const float v = step != 0 ? (x - lowest) / step : 0;
    int q = 0;
    if (levels->iq4_nl) {
        const int first = iq4_nl_values[0];
        while (q < 15 && v > (float)(iq4_nl_values[q] + iq4_nl_values[q + 1]) / 2 - (float)first) q++;
        *value = lowest + step * (float)(iq4_nl_values[q] - first);
    } else {
        const float highest = (float)levels->highest;
        q = (int)((v > 0 ? v < highest ? v : highest : 0) + 0.5f);
        *value = lowest + step * (float)q;
    }
    return (uint8_t)q;
}

/* Encodes block_elements at x, which is column `column` of a block of n columns, and hands their errors on. */
static void encode_block(const struct kernels *kernels, enum weight_type type, void *block, float *x,
                         const float *factor, size_t column, size_t n) {
    const size_t elements = weight_formats[type].block_elements;
    float importance[BLOCK_K];
    for (size_t e = 0; e < elements; e++) {
        const float pivot = factor[(column + e) * (n + 1)];
        importance[e] = 1 / (pivot * pivot);
    }
    encode_row_search(type, block, x, importance, elements);

    struct levels levels;
    uint8_t q[BLOCK_K];
    find_levels(&levels, type, block, elements);
    for (size_t e = 0; e < elements; e++) {
        const size_t i = column + e;
        const float *row = factor + i * n;
        float value;
        q[e] = nearest(&levels, e, x[e], &value);
        const float error = (x[e] - value) / row[i];
        kernels->add_scaled(x + e + 1, x + e + 1, row + i + 1, -error, n - i - 1);
    }
    store_places(type, block, q);
}

/* x += x M. */
static void correct(const struct kernels *kernels, float *x, const float *correction, size_t n, float *row) {
    memcpy(row, x, n * sizeof *row);
    for (size_t i = 0; i < n; i++) kernels->add_scaled(x, x, correction + i * n, row[i], n);
}

void encode_row_feedback(enum weight_type type, void *y, float *x, size_t n, const float *factors,
                         const float *correction, size_t block_columns, float *row) {
    const struct kernels *kernels = find_kernels();
    const struct weight_format *format = &weight_formats[type];
    char *block = y;
    for (size_t first = 0; first < n; first += block_columns) {
        const size_t columns = n - first < block_columns ? n - first : block_columns;
        correct(kernels, x + first, correction + first * block_columns, columns, row);
        for (size_t c = 0; c < columns; c += format->block_elements, block += format->block_bytes)
            encode_block(kernels, type, block, x + first + c, factors + first * block_columns, c, columns);
    }
}
