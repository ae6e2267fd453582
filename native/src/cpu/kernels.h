/*
 * Every kernel: what it computes, and the table of them that one tier (scalar, avx2, …) provides.
 *
 * The lists below are the only place where kernels are named: declarations, dispatch tables, tests and
 * microbenchmarks are made from them. A kernel is called TIER_NAME, for example avx2_matvec_q4_0.
 *
 * What holds for all of them:
 * - Pointers need the alignment of their element type only, and no kernel reads or writes outside of what its
 *   arguments describe: tails are masked or scalar.
 * - An output may be the same array as an input where both have the same shape, unless the kernel says otherwise.
 * - The result for one element (one row, one token) does not depend on how many others are computed in the
 *   same call, so that it does not depend on how the work is divided among threads.
 * - The scalar tier is the definition; others agree with it to rounding.
 */
#ifndef RWKV_KERNELS_H
#define RWKV_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------ weight types
 * X(NAME, name): NAME as in enum rwkv_type, name as in kernels. */
#define RWKV_WEIGHT_TYPES(X)                                                                                           \
    RWKV_FLOAT_TYPES(X)                                                                                                \
    RWKV_BLOCK_TYPES(X)

#define RWKV_FLOAT_TYPES(X)                                                                                            \
    X(F32, f32)                                                                                                        \
    X(F16, f16)                                                                                                        \
    X(BF16, bf16)

#define RWKV_BLOCK_TYPES(X)                                                                                            \
    X(Q8_0, q8_0)                                                                                                      \
    X(Q4_0, q4_0)                                                                                                      \
    X(Q4_1, q4_1)                                                                                                      \
    X(Q5_0, q5_0)                                                                                                      \
    X(Q5_1, q5_1)                                                                                                      \
    X(IQ4_NL, iq4_nl)                                                                                                  \
    X(Q2_K, q2_k)                                                                                                      \
    X(Q3_K, q3_k)                                                                                                      \
    X(Q4_K, q4_k)                                                                                                      \
    X(Q5_K, q5_k)                                                                                                      \
    X(Q6_K, q6_k)

/* Dense numbering of the types, for tables. */
enum weight_type {
#define X(NAME, name) WEIGHT_##NAME,
    RWKV_WEIGHT_TYPES(X)
#undef X
        WEIGHT_TYPE_COUNT
};

/* ------------------------------------------------------------------ vectors
 * X(name, arguments), all of type void. n counts floats. */
#define RWKV_VECTOR_KERNELS(X)                                                                                         \
    /* y = (x - mean) / sqrt(variance + epsilon) * weight + bias, variance divided by n */                             \
    X(layer_norm, (float *y, const float *x, const float *weight, const float *bias, float epsilon, size_t n))         \
    /* y = a + (b - a) * m */                                                                                          \
    X(lerp, (float *y, const float *a, const float *b, const float *m, size_t n))                                      \
    X(add, (float *y, const float *a, const float *b, size_t n))                                                       \
    /* y = a + b * s */                                                                                                \
    X(add_scaled, (float *y, const float *a, const float *b, float s, size_t n))                                       \
    X(multiply, (float *y, const float *a, const float *b, size_t n))                                                  \
    /* 1 / (1 + e^-x) */                                                                                               \
    X(sigmoid, (float *y, const float *x, size_t n))                                                                   \
    X(hyperbolic_tangent, (float *y, const float *x, size_t n))                                                        \
    /* x * sigmoid(x) */                                                                                               \
    X(silu, (float *y, const float *x, size_t n))                                                                      \
    /* max(x, 0)^2 */                                                                                                  \
    X(relu_squared, (float *y, const float *x, size_t n))                                                              \
    /* exp(-exp(x)): 0, not NaN, where exp(x) overflows */                                                             \
    X(exp_negative_exp, (float *y, const float *x, size_t n))                                                          \
    /* exp(-e^(-1/2) * sigmoid(x)) */                                                                                  \
    X(decay_sigmoid, (float *y, const float *x, size_t n))                                                             \
    /* y = x / max(|x|, 1e-12), Euclidean norm */                                                                      \
    X(l2_normalise, (float *y, const float *x, size_t n))                                                              \
    /* y += v * sum(r * k * u) */                                                                                      \
    X(add_bonus, (float *y, const float *r, const float *k, const float *u, const float *v, size_t n))                 \
    /* `count` of the n activations x, from `first` on, as that part of a q8 row; all are multiples of 32 */           \
    X(quantise_q8, (void *row, const float *x, size_t n, size_t first, size_t count))                                  \
    /* RWKV-4, n channels, `tokens` rows of k, v, y that lie `stride` floats apart.                                    \
       aa, bb, pp: the state, updated. w = -exp(time_decay), u = time_first. y may be v. */                            \
    X(wkv4, (float *y, float *aa, float *bb, float *pp, const float *k, const float *v, const float *w,                \
             const float *u, size_t tokens, size_t stride, size_t n))                                                  \
    /* RWKV-5 and 6, one head of size n. s[value][key]: the state, updated. Rows of r, k, v, y lie `stride` floats     \
       apart, rows of w `w_stride` (0: one row for all tokens, RWKV-5). w in (0,1), u: n floats. y is none of the      \
       inputs. next: what will be wanted soon, n * n floats, and is fetched meanwhile; NULL: nothing.                  \
           y_i  = sum_j r_j (s_ij + u_j k_j v_i);   s_ij = w_j s_ij + k_j v_i */                                       \
    X(wkv6, (float *y, float *s, const float *r, const float *w, size_t w_stride, const float *k, const float *v,      \
             const float *u, size_t tokens, size_t stride, size_t n, const float *next))                               \
    /* RWKV-7, one head of size n, s[value][key], rows `stride` floats apart. y is none of the inputs. next: as there. \
           p_i  = sum_j s_ij kappa_j                                                                                   \
           s_ij = s_ij w_j - p_i kappa_j a_j + v_i k_j                                                                 \
           y_i  = sum_j s_ij r_j            (new s) */                                                                 \
    X(wkv7, (float *y, float *s, const float *r, const float *w, const float *k, const float *v, const float *kappa,   \
             const float *a, size_t tokens, size_t stride, size_t n, const float *next))

/* ------------------------------------------------------------------ matrices
 *
 * Two ways to multiply by a weight matrix [rows][n] that lies in memory in one of the block formats:
 *
 * matvec_TYPE  one activation row: each weight is read once and used once, so all that counts is to keep up with
 *              memory.
 * pack_TYPE    unpacks a panel, all columns or a strip of up to `panel_rows` weight rows, once into the layout that
 *              gemm_PANEL likes,
 * gemm_PANEL   which then uses it for every token of the chunk. A gemm knows the panel, not the type: all types
 *              become one of a few panels.
 *
 * Float types multiply float activations, block formats multiply activations in the form of q8 rows.
 */

/* A row of n activations (n a multiple of 32), groups of 32 with a scale each, in this order in memory:
 *     int8_t q[n]            in -127..127, rounded to nearest even
 *     float scale[n / 32]    max|x| / 127, so that x is about scale * q; 0 for a group of zeros
 *     float sum[n / 32]      scale * (sum of the group's q), for formats with an offset
 *     int16_t halves[n / 16] sums of q over half groups, for integers that have been given an offset
 * A row starts at a multiple of 4 bytes. */
#define Q8_GROUP 32
static inline size_t q8_row_bytes(size_t n) { return n + n / Q8_GROUP * 3 * sizeof(float); }
static inline const float *q8_row_scales(const void *row, size_t n) { return (const float *)((const char *)row + n); }
static inline const float *q8_row_sums(const void *row, size_t n) { return q8_row_scales(row, n) + n / Q8_GROUP; }
static inline const int16_t *q8_row_halves(const void *row, size_t n) {
    return (const int16_t *)(q8_row_sums(row, n) + n / Q8_GROUP);
}

/* X(NAME, name): NAME as in enum panel, name as in kernels (TIER_gemm_NAME). */
#define RWKV_PANELS(X)                                                                                                 \
    X(F32, f32) /* floats; activations are rows of floats */                                                           \
    X(U5, u5)   /* integers in 0..31, scale and minimum for each 32 */                                                 \
    X(U6, u6)   /* integers in 0..45, scale for each 32, minimum for each 16 */                                        \
    X(S6, s6)   /* integers in -32..31, scale for each 16 */                                                           \
    X(S8, s8)   /* integers in -128..127, scale for each 32 */

/*
 * Paired panels halve the multiplications (Winograd, "A new algorithm for inner product", 1968): with x0, w0 of the
 * first half of a group and x1, w1 of the second,
 *
 *     x0 w0 + x1 w1 = (x1 + w0) (x0 + w1) - x0 x1 - w0 w1
 *
 * where the last two terms are those of the activations alone, of the weights alone. It pays on processors that add
 * beside multiplying. The sums have to fit 8 bits: weights of 4 bits are taken as -15..0, which leaves -113..127 to
 * activations. (They are kept as 15..0, and subtracted.) So the largest of a group becomes 127, as in any q8 row,
 * whatever its sign, which the scale takes.
 *
 * It pays as long as there is room for additions: the first UNPAIRED columns of each half are multiplied as they are.
 */
#define UNPAIRED 4

#define RWKV_PAIRED_PANELS(X)                                                                                          \
    X(S4, s4) /* integers in -8..7, scale for each 32 */                                                               \
    X(U4, u4) /* the same, scale and minimum for each 32 */

enum panel {
#define X(NAME, name) PANEL_##NAME,
    RWKV_PANELS(X) RWKV_PAIRED_PANELS(X)
#undef X
        PANEL_COUNT
};

/* y[r] = sum over the n columns of weights[r] * x, for `rows` rows that lie row_bytes apart. x: n floats or a q8 row.
 */
typedef void matvec_kernel(float *y, const void *weights, size_t row_bytes, size_t rows, const void *x, size_t n);

/* What follows a q8 row for products with paired panels, a row of these: */
struct paired_group {
    int8_t first[16];   /* q of the first half: x0 */
    uint8_t second[16]; /* q of the second half, + 128: x1, unsigned */
    float scale;
    int32_t pairs; /* 7 * (sum of q) - (sum of first * second, of unpaired columns of first * 15): as if weights had
                      been kept as -8..7 */
};
#define PAIRED_LEAST -113
static inline size_t paired_row_bytes(size_t n) { return q8_row_bytes(n) + n / Q8_GROUP * sizeof(struct paired_group); }
static inline const struct paired_group *paired_row_groups(const void *row, size_t n) {
    return (const struct paired_group *)((const char *)row + q8_row_bytes(n));
}

/* quantise_q8 with paired groups, of row_count rows. They lie row_bytes apart, those of x, which is other memory,
 * x_stride floats. The scale has the sign of the value of the largest magnitude, and is the least in magnitude for
 * which that becomes at most 127, and those of the other sign at least PAIRED_LEAST. */
typedef void quantise_paired_kernel(void *rows, size_t row_bytes, const float *x, size_t x_stride, size_t row_count,
                                    size_t n, size_t first, size_t count);

/* A strip of columns, the `count` from `begin` on, of a matrix that has n. Of block formats, whole blocks. */
struct strip {
    size_t n, begin, count;
    size_t offset, bytes; /* of each row, if they lie by row */
};

/* The groups that it is. */
static inline size_t strip_group(const struct strip *strip) { return strip->begin / Q8_GROUP; }
static inline size_t strip_end_group(const struct strip *strip) { return (strip->begin + strip->count) / Q8_GROUP; }

/* What is fetched meanwhile, a step at a time. It may lie anywhere. */
struct fetch {
    /* What is packed next, some rows with each step of a gemm, into the first cache. */
    const char *row;
    size_t row_bytes;
    ptrdiff_t rows; /* that are left; 0 or less: none */
    /* What is packed after that, `line_step` lines with each step of a gemm, into the second one. */
    const char *line;
    size_t line_stride, line_step;
    ptrdiff_t lines;
    /* And so many with each step of packing. */
    size_t pack_step;
};

/* A step of a gemm is so many columns of one tile, which has at most FETCH_TOKENS tokens; of packing, of 8 rows. */
static inline size_t step_columns(enum panel panel) { return panel == PANEL_F32 ? 8 : Q8_GROUP; }
#define FETCH_TOKENS 6

/* Unpacks `count` columns, a strip or all, of 1 <= rows <= panel_rows rows, of which `weights` has the first; rows that
 * are missing to a whole panel are filled with zeros. fetch: NULL, or what is fetched. */
typedef void pack_kernel(void *panel, const void *weights, size_t row_bytes, size_t rows, size_t count,
                         struct fetch *fetch);

/* y[t * y_stride + r] = panel row r times activation row t, for 1 <= rows <= panel_rows and any number of tokens.
 * Activation rows, of all columns, lie x_stride bytes apart. Unless the strip of the panel is the first one, the
 * products are added to y, which has those of all strips before. Tiers that have strips fetch. */
typedef void gemm_kernel(float *y, size_t y_stride, const void *panel, size_t rows, const void *x, size_t x_stride,
                         size_t tokens, const struct strip *strip, struct fetch *fetch);

struct matrix_kernels {
    matvec_kernel *matvec;
    pack_kernel *pack; /* NULL: this tier has no gemm for the type, matvec is called for each token */
    enum panel panel;
};

/* ------------------------------------------------------------------ columns
 *
 * For activations many of which are zero: matrices that lie by column (columns.h).
 *
 * multiply_columns_TYPE  one activation row, a range of groups of columns. Columns whose activation is 0 are not read,
 *                        and count as 0 even where a number of theirs is not finite.
 *
 * pack_columns_TYPE      as pack_TYPE, to the same panels, several if they have few rows: of a line of the cache, which
 *                        is up to 128 rows of a column, the fewer are unpacked, the more often it is read.
 */

/* Rows of panels that are unpacked at once: half a line of numbers of 4 bits. */
#define COLUMN_PACK_ROWS 32

/* y[r] = sum over the columns of `groups` groups, from group `first` on, of matrix[r] * x, for all R rows of the
 * layout. x as for matvec, n activations in all. */
typedef void multiply_columns_kernel(float *y, const void *matrix, size_t rows, const void *x, size_t n, size_t first,
                                     size_t groups);

/* Unpacks a strip of COLUMN_PACK_ROWS of the R rows of the layout, from row `first` on, a multiple of them. Panels lie
 * panel_bytes, of the strip, apart. */
typedef void pack_columns_kernel(void *panels, const void *matrix, size_t rows, size_t first,
                                 const struct strip *strip);

struct column_kernels {
    multiply_columns_kernel *multiply;
    pack_columns_kernel *pack; /* NULL: this tier has no gemm */
};

/* ------------------------------------------------------------------ encoders
 *
 * encode_TYPE, for the block formats: y = n values x, a multiple of the block, such that the sum of importance *
 * error^2 is small in each block. importance: n floats that are not negative; NULL: all alike. Here all tiers agree to
 * the bit. */
typedef void encode_kernel(void *y, const float *x, const float *importance, size_t n);

/* ------------------------------------------------------------------ a tier */

struct kernels {
    const char *name;
#define X(name, arguments) void(*name) arguments;
    RWKV_VECTOR_KERNELS(X)
#undef X
    struct matrix_kernels matrix[WEIGHT_TYPE_COUNT];
    struct column_kernels columns[WEIGHT_TYPE_COUNT];
    encode_kernel *encode[WEIGHT_TYPE_COUNT]; /* NULL: a float type */
    gemm_kernel *gemm[PANEL_COUNT];
    quantise_paired_kernel *quantise_paired; /* NULL: this tier has no paired panels */
    size_t panel_rows;
    size_t strip_tokens;                                   /* up to which panels had better be strips, 0: for none */
    size_t (*panel_bytes)(enum panel panel, size_t count); /* room that pack needs; a panel is aligned to 64 bytes */
};

extern const struct kernels scalar_kernels;
#if defined(__x86_64__) || defined(_M_X64)
extern const struct kernels avx2_kernels, avxvnni_kernels, avx512_kernels, zen4_kernels;
#elif defined(__aarch64__)
extern const struct kernels neon_kernels, dotprod_kernels, i8mm_kernels;
#endif

/*
 * The tier in use, chosen at the first call (see rwkv_cpu_info). NULL if RWKV_CPU_TIER names none that can run here.
 */
const struct kernels *kernels_get(void);

/* The tiers that can run here, best first: at most `capacity` of them are written; returns how many there are. */
size_t kernels_available(const struct kernels **tiers, size_t capacity);

/* Whether activations of a weight type are q8 rows (true) or floats. */
static inline bool weight_type_is_block(enum weight_type type) { return type > WEIGHT_BF16; }

#endif
