/*
 * All of it is one piece of memory, which the threads of a pool of its own fill tile by tile: 128 rows, which are read
 * where they lie and not needed any more.
 */
#include "by_column.h"

#include <inttypes.h>

#include "cpu/columns.h"
#include "cpu/pages.h"
#include "cpu/pool.h"
#include "cpu/thread.h"
#include "quant/blocks.h"

/* ------------------------------------------------------------------ one group of some rows */

enum { HALF_TILE = COLUMN_TILE / 2 };

/* One number of a, one of b, the next of a, and so on. */
static inline void interleave(char *restrict to, const char *restrict a, const char *restrict b, const size_t count,
                              const size_t number_bytes) {
    for (size_t i = 0; i < count; i++) {
        memcpy(to + 2 * i * number_bytes, a + i * number_bytes, number_bytes);
        memcpy(to + (2 * i + 1) * number_bytes, b + i * number_bytes, number_bytes);
    }
}

/*
 * The numbers [rows][Q8_GROUP], which are overwritten, as columns that lie `stride` bytes apart; at most HALF_TILE
 * rows, a power of two. Interleaving the upper half of the numbers with the lower one makes the uppermost bit of a
 * number's index the lowest. When the bits of the row have all moved there, a column's numbers lie side by side.
 */
static inline void transpose(char *columns, size_t stride, char *numbers, const size_t rows,
                             const size_t number_bytes) {
    char others[HALF_TILE * Q8_GROUP * sizeof(float)];
    const size_t half = rows * Q8_GROUP / 2, half_bytes = half * number_bytes;
    char *from = numbers, *to = others;
    for (size_t left = rows; left > 2; left /= 2) { /* the last bit: on the way to the columns */
        interleave(to, from, from + half_bytes, half, number_bytes);
        char *done = from;
        from = to;
        to = done;
    }
    for (size_t c = 0; c < Q8_GROUP; c++) {
        const char *column = from + c * half_bytes / Q8_GROUP;
        interleave(columns + c * stride, column, column + half_bytes, rows / 2, number_bytes);
    }
}

/* Some rows of a matrix, a whole tile unless it is the last one. */
struct rows {
    const char *first;
    size_t row_bytes, count;
};

/* `bytes` of each row of half a tile; what is missing to a group of it are zeros. */
static inline void pack_half(char *columns, size_t stride, const struct rows *rows, size_t first, size_t offset,
                             size_t bytes, const size_t number_bytes) {
    char numbers[HALF_TILE * Q8_GROUP * sizeof(float)];
    const size_t row_bytes = Q8_GROUP * number_bytes;
    const char *row = rows->first + first * rows->row_bytes + offset;
    if (bytes == row_bytes && rows->count >= first + HALF_TILE) {
        for (size_t r = 0; r < HALF_TILE; r++) memcpy(numbers + r * row_bytes, row + r * rows->row_bytes, row_bytes);
    } else {
        memset(numbers, 0, HALF_TILE * row_bytes);
        for (size_t r = 0; r < HALF_TILE && first + r < rows->count; r++)
            memcpy(numbers + r * row_bytes, row + r * rows->row_bytes, bytes);
    }
    transpose(columns, stride, numbers, HALF_TILE, number_bytes);
}

static inline void pack_numbers(char *columns, size_t stride, const struct rows *rows, size_t offset, size_t bytes,
                                const size_t number_bytes) {
    pack_half(columns, stride, rows, 0, offset, bytes, number_bytes);
    pack_half(columns + HALF_TILE * number_bytes, stride, rows, HALF_TILE, offset, bytes, number_bytes);
}

/* ------------------------------------------------------------------ integers of less than 8 bits */

/* Where the bits of the 32 elements of a group are in its block. */
struct bits {
    enum order {
        BYTES,   /* of element e at `shift` in byte e */
        NIBBLES, /* in half e / 16 of byte e % 16 */
        BITS,    /* bit e % 8 of byte e / 8 */
    } order;
    size_t offset;
    int shift;
};

/* Those of the lower part of a column (columns.h); s: the group's place among those of its block. */
static struct bits lower_bits(enum weight_type type, size_t s) {
    const size_t pair = s / 2 * 32, half = s / 4 * 32;
    const int nibble = (int)(s % 2) * 4, pair_of_bits = (int)(s % 4) * 2;
    switch (type) {
    case WEIGHT_Q4_0: return (struct bits){NIBBLES, offsetof(struct block_q4_0, qs), 0};
    case WEIGHT_Q4_1: return (struct bits){NIBBLES, offsetof(struct block_q4_1, qs), 0};
    case WEIGHT_Q5_0: return (struct bits){NIBBLES, offsetof(struct block_q5_0, qs), 0};
    case WEIGHT_Q5_1: return (struct bits){NIBBLES, offsetof(struct block_q5_1, qs), 0};
    case WEIGHT_IQ4_NL: return (struct bits){NIBBLES, offsetof(struct block_iq4_nl, qs), 0};
    case WEIGHT_Q2_K: return (struct bits){BYTES, offsetof(struct block_q2_k, qs) + half, pair_of_bits};
    case WEIGHT_Q3_K: return (struct bits){BYTES, offsetof(struct block_q3_k, qs) + half, pair_of_bits};
    case WEIGHT_Q4_K: return (struct bits){BYTES, offsetof(struct block_q4_k, qs) + pair, nibble};
    case WEIGHT_Q5_K: return (struct bits){BYTES, offsetof(struct block_q5_k, qs) + pair, nibble};
    default: /* Q6_K */
        return (struct bits){BYTES, offsetof(struct block_q6_k, ql) + 2 * half + s % 2 * 32, (int)(s % 4 / 2) * 4};
    }
}

/* Those of the upper part. */
static struct bits upper_bits(enum weight_type type, size_t s) {
    switch (type) {
    case WEIGHT_Q5_0: return (struct bits){BITS, offsetof(struct block_q5_0, qh), 0};
    case WEIGHT_Q5_1: return (struct bits){BITS, offsetof(struct block_q5_1, qh), 0};
    case WEIGHT_Q3_K: return (struct bits){BYTES, offsetof(struct block_q3_k, hmask), (int)s};
    case WEIGHT_Q5_K: return (struct bits){BYTES, offsetof(struct block_q5_k, qh), (int)s};
    default: /* Q6_K */ return (struct bits){BYTES, offsetof(struct block_q6_k, qh) + s / 4 * 32, (int)(s % 4) * 2};
    }
}

/* Eight bytes at a time. */
enum { WORDS = Q8_GROUP / 8 };
#define ALL_BYTES(byte) (0x0101010101010101 * (uint64_t)(byte))

/* Adds the `count` bits of each element of a group to its byte, `to` bits from the lowest. */
static inline void add_bits(uint64_t bytes[WORDS], const char *from, const enum order order, int shift,
                            const size_t count, const size_t to) {
    const uint64_t mask = ALL_BYTES((1 << count) - 1);
    uint64_t words[WORDS];
    if (order == BYTES) {
        memcpy(words, from, sizeof words);
        for (size_t i = 0; i < WORDS; i++) bytes[i] |= (words[i] >> shift & mask) << to;
    } else if (order == NIBBLES) {
        memcpy(words, from, sizeof words / 2);
        for (size_t i = 0; i < WORDS / 2; i++) {
            bytes[i] |= (words[i] & mask) << to;
            bytes[i + WORDS / 2] |= (words[i] >> 4 & mask) << to;
        }
    } else {
        static const uint8_t bit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
        for (size_t i = 0; i < WORDS; i++) {
            uint8_t *element = (uint8_t *)(bytes + i);
            for (size_t e = 0; e < 8; e++) element[e] |= (uint8_t)((((uint8_t)from[i] & bit[e]) != 0) << to);
        }
    }
}

/* A part of the columns of a tile. As many rows share a byte as a tile has rows for each of its bytes. */
static inline void pack_part(char *columns, size_t stride, const struct rows *rows, size_t offset, int shift,
                             const enum order order, const size_t bits) {
    const size_t bytes = column_tile_bytes(bits), shares = COLUMN_TILE / bytes;
    const size_t count = rows->count, row_bytes = rows->row_bytes;
    const char *first = rows->first + offset;
    uint64_t numbers[HALF_TILE][WORDS];
    for (size_t r = 0; r < bytes; r++) {
        uint64_t sum[WORDS] = {0};
#pragma GCC unroll 8 /* then all but the rows are constant */
        for (size_t i = 0; i < shares; i++)
            if (r + i * bytes < count) add_bits(sum, first + (r + i * bytes) * row_bytes, order, shift, bits, i * bits);
        memcpy(numbers[r], sum, sizeof sum);
    }
    transpose(columns, stride, (char *)numbers, bytes, 1);
}

/* The same, with what is constant. */
static void pack_bits(char *columns, size_t stride, const struct rows *rows, size_t block, struct bits bits,
                      size_t count) {
    const size_t offset = block + bits.offset;
    if (bits.order == NIBBLES)
        pack_part(columns, stride, rows, offset, 0, NIBBLES, 4);
    else if (bits.order == BITS)
        pack_part(columns, stride, rows, offset, 0, BITS, 1);
    else if (count == 4)
        pack_part(columns, stride, rows, offset, bits.shift, BYTES, 4);
    else if (count == 2)
        pack_part(columns, stride, rows, offset, bits.shift, BYTES, 2);
    else
        pack_part(columns, stride, rows, offset, bits.shift, BYTES, 1);
}

/* ------------------------------------------------------------------ scales */

static size_t scale_offset(enum weight_type type) {
    return type == WEIGHT_Q2_K   ? offsetof(struct block_q2_k, d)
           : type == WEIGHT_Q3_K ? offsetof(struct block_q3_k, d)
           : type == WEIGHT_Q6_K ? offsetof(struct block_q6_k, d)
                                 : 0;
}

/* A float16 of each row. */
static void pack_halves(char *target, const struct rows *rows, size_t offset) {
    if (rows->count < COLUMN_TILE) memset(target, 0, COLUMN_TILE * 2);
    for (size_t r = 0; r < rows->count; r++)
        memcpy(target + 2 * column_place(r), rows->first + r * rows->row_bytes + offset, 2);
}

enum { PARTS = 16 };

/* The parts of all groups of a block. */
static void load_parts(uint8_t parts[PARTS], enum weight_type type, const void *block) {
    uint8_t scales[8], minima[8];
    switch (type) {
    case WEIGHT_Q2_K: memcpy(parts, ((const struct block_q2_k *)block)->scales, PARTS); return;
    case WEIGHT_Q3_K: load_scales_q3_k(((const struct block_q3_k *)block)->scales, (int8_t *)parts); return;
    case WEIGHT_Q6_K: memcpy(parts, ((const struct block_q6_k *)block)->scales, PARTS); return;
    case WEIGHT_Q4_K: load_scales_k(((const struct block_q4_k *)block)->scales, scales, minima); break;
    default: load_scales_k(((const struct block_q5_k *)block)->scales, scales, minima);
    }
    for (size_t s = 0; s < 8; s++) {
        parts[2 * s] = scales[s];
        parts[2 * s + 1] = minima[s];
    }
}

/* Those of each row; those of one row lie `stride` bytes apart. */
static void pack_parts(char *target, size_t stride, const struct rows *rows, size_t offset, enum weight_type type) {
    uint8_t parts[COLUMN_TILE][PARTS] = {0};
    for (size_t r = 0; r < rows->count; r++)
        load_parts(parts[column_place(r)], type, rows->first + r * rows->row_bytes + offset);
    for (size_t i = 0; i < PARTS; i++, target += stride)
        for (size_t r = 0; r < COLUMN_TILE; r++) target[r] = (char)parts[r][i];
}

/* The scales of a tile and of the block that begins with group g, `offset` bytes from the beginning of a row. */
static void pack_scales(char *matrix, enum weight_type type, const struct rows *part, size_t offset, size_t rows,
                        size_t first, size_t g) {
    const size_t all_rows = column_rows(rows), at = offset + scale_offset(type);
    char *scales = matrix + column_scale_offset(type, rows, g) + 2 * first;
    pack_halves(scales, part, at);
    if (column_has_minimum(type)) pack_halves(scales + 2 * all_rows, part, at + 2);
    if (column_has_parts(type))
        pack_parts(matrix + column_part_offset(type, rows, g) + first, all_rows, part, offset, type);
}

/* ------------------------------------------------------------------ one tile */

void by_column_pack_tile(char *matrix, enum weight_type type, const void *weights, size_t row_bytes, size_t rows,
                         size_t n, size_t tile) {
    const size_t first = tile * COLUMN_TILE, left = rows - first, stride = column_bytes(type, rows);
    const struct rows part = {(const char *)weights + first * row_bytes, row_bytes,
                              left < COLUMN_TILE ? left : COLUMN_TILE};
    const size_t lower = column_lower_bits(type), upper = column_upper_bits(type);
    char *columns = matrix + column_offset(type, rows, n) + tile * column_tile_bytes(lower);
    char *upper_parts =
        matrix + column_offset(type, rows, n) + column_lower_bytes(type, rows) + tile * column_tile_bytes(upper);
    const size_t block_groups = column_block_groups(type), whole = weight_row_bytes(type, n);
    const size_t block_bytes = weight_row_bytes(type, block_groups * Q8_GROUP);
    for (size_t g = 0; g < column_groups(n); g++, columns += Q8_GROUP * stride, upper_parts += Q8_GROUP * stride) {
        const size_t s = g % block_groups, at = g / block_groups * block_bytes, rest = whole - at;
        const size_t bytes = rest < block_bytes ? rest : block_bytes;
        if (weight_type_is_block(type) && s == 0) pack_scales(matrix, type, &part, at, rows, first, g);
        switch (lower) {
        case 8: pack_numbers(columns, stride, &part, at + offsetof(struct block_q8_0, qs), Q8_GROUP, 1); break;
        case 16: pack_numbers(columns, stride, &part, at, bytes, 2); break;
        case 32: pack_numbers(columns, stride, &part, at, bytes, 4); break;
        default: pack_bits(columns, stride, &part, at, lower_bits(type, s), lower); break;
        }
        if (upper) pack_bits(upper_parts, stride, &part, at, upper_bits(type, s), upper);
    }
}

/* ------------------------------------------------------------------ a model */

static size_t packed_bytes(const struct matrix *matrix) {
    return column_matrix_bytes(matrix->type, matrix->rows, matrix->columns);
}

static void pack(void *argument, struct worker *worker) {
    const struct rwkv_model *model = argument;
    const size_t tiles = column_rows(model->width) / COLUMN_TILE;
    const size_t items = model->layer_count * tiles;
    for (size_t item; (item = pool_take(worker, items)) < items;) {
        const struct matrix *matrix = &model->layers[item / tiles].channel_value;
        const size_t tile = item % tiles, first = tile * COLUMN_TILE;
        by_column_pack_tile(matrix->by_column, matrix->type, matrix->data, matrix->row_bytes, matrix->rows,
                            matrix->columns, tile);
        const size_t left = matrix->rows - first, rows = left < COLUMN_TILE ? left : COLUMN_TILE;
        if (model->is_mapped) pages_release(matrix->data + first * matrix->row_bytes, rows * matrix->row_bytes);
    }
    pool_barrier(worker);
}

/* The pieces of one allocation; false: there is no memory. */
static bool allocate(struct rwkv_model *model) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < model->layer_count; i++) bytes += packed_bytes(&model->layers[i].channel_value);
    const size_t alignment = pages_alignment(bytes);
    char *memory = model_allocate(model, bytes + alignment);
    if (!memory) return false;
    memory += alignment - (uintptr_t)memory % alignment;
    if (alignment == HUGE_PAGE_BYTES) pages_prefer_huge(memory, bytes);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        struct matrix *matrix = &model->layers[i].channel_value;
        matrix->by_column = memory;
        memory += packed_bytes(matrix);
        model->tensor_bytes -= matrix->rows * matrix->row_bytes;
    }
    return true;
}

/* Tells the system something of the pages that the old layouts of a mapped file lie in. */
static void advise(const struct rwkv_model *model, void (*tell)(const void *memory, size_t bytes)) {
    for (uint32_t i = 0; model->is_mapped && i < model->layer_count; i++) {
        const struct matrix *matrix = &model->layers[i].channel_value;
        tell(matrix->data, matrix->rows * matrix->row_bytes);
    }
}

enum rwkv_status by_column_pack(struct rwkv_model *model, struct rwkv_error *error) {
    if (!allocate(model))
        return error_set(error, RWKV_ERROR_MEMORY, "no memory for the matrices that are laid out anew");

    struct pool *pool;
    const enum rwkv_status status = pool_create(thread_processor_count(), &pool, error);
    if (status != RWKV_OK) return status;
    advise(model, pages_prefer_small);
    pool_run(pool, pack, model);
    pool_free(pool);
    /* a page fault maps the pages around it as well, among them those of a neighbouring tile that had been released */
    advise(model, pages_release);
    return RWKV_OK;
}
