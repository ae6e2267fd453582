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

/* ------------------------------------------------------------------ one group of half a tile */

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
 * The numbers [HALF_TILE][Q8_GROUP], which are overwritten, as columns that lie `stride` bytes apart. Interleaving the
 * upper half of the numbers with the lower one makes the uppermost bit of a number's index the lowest. When the bits of
 * the row have all moved there, a column's numbers lie side by side.
 */
static inline void transpose(char *columns, size_t stride, char *numbers, const size_t number_bytes) {
    enum { HALF = HALF_TILE * Q8_GROUP / 2 };
    _Static_assert(HALF_TILE == 1 << 6, "6 bits of the row: in 5 rounds, and on the way to the columns");
    char others[2 * HALF * sizeof(float)];
    const size_t half_bytes = HALF * number_bytes;
    interleave(others, numbers, numbers + half_bytes, HALF, number_bytes);
    interleave(numbers, others, others + half_bytes, HALF, number_bytes);
    interleave(others, numbers, numbers + half_bytes, HALF, number_bytes);
    interleave(numbers, others, others + half_bytes, HALF, number_bytes);
    interleave(others, numbers, numbers + half_bytes, HALF, number_bytes);
    for (size_t c = 0; c < Q8_GROUP; c++) {
        const char *column = others + c * half_bytes / Q8_GROUP;
        interleave(columns + c * stride, column, column + half_bytes, HALF_TILE / 2, number_bytes);
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
    transpose(columns, stride, numbers, number_bytes);
}

static inline void pack_numbers(char *columns, size_t stride, const struct rows *rows, size_t offset, size_t bytes,
                                const size_t number_bytes) {
    pack_half(columns, stride, rows, 0, offset, bytes, number_bytes);
    pack_half(columns + HALF_TILE * number_bytes, stride, rows, HALF_TILE, offset, bytes, number_bytes);
}

/* The number e of a block of nibbles is in half e / 16 of byte e % 16. Two rows make bytes of a column. */
static void pack_nibbles(char *columns, size_t stride, const struct rows *rows, size_t offset) {
    enum { WORDS = Q8_GROUP / 16 };
    const uint64_t lower = 0x0f0f0f0f0f0f0f0f;
    char numbers[HALF_TILE * Q8_GROUP];
    for (size_t r = 0; r < HALF_TILE; r++) {
        uint64_t first[WORDS] = {0}, second[WORDS] = {0}, bytes[2][WORDS];
        const char *row = rows->first + r * rows->row_bytes + offset;
        if (r < rows->count) memcpy(first, row, sizeof first);
        if (HALF_TILE + r < rows->count) memcpy(second, row + HALF_TILE * rows->row_bytes, sizeof second);
        for (size_t i = 0; i < WORDS; i++) {
            bytes[0][i] = (first[i] & lower) | (second[i] & lower) << 4;
            bytes[1][i] = (first[i] >> 4 & lower) | (second[i] & ~lower);
        }
        memcpy(numbers + r * Q8_GROUP, bytes, sizeof bytes);
    }
    transpose(columns, stride, numbers, 1);
}

/* A float16 of each row. */
static void pack_halves(char *target, const struct rows *rows, size_t offset) {
    if (rows->count < COLUMN_TILE) memset(target, 0, COLUMN_TILE * 2);
    for (size_t r = 0; r < rows->count; r++) memcpy(target + 2 * r, rows->first + r * rows->row_bytes + offset, 2);
}

/* ------------------------------------------------------------------ one tile */

void by_column_pack_tile(char *matrix, enum weight_type type, const void *weights, size_t row_bytes, size_t rows,
                         size_t n, size_t tile) {
    const size_t first = tile * COLUMN_TILE, all_rows = column_rows(rows), stride = column_bytes(type, rows);
    const size_t scale_bytes = column_row_scale_bytes(type);
    char *scales = matrix + 2 * first;
    char *columns = matrix + column_offset(type, rows, n) + tile * column_tile_bytes(type);
    const size_t left = rows - first;
    const struct rows part = {(const char *)weights + first * row_bytes, row_bytes,
                              left < COLUMN_TILE ? left : COLUMN_TILE};
    const size_t group_bytes = Q8_GROUP / weight_formats[type].block_elements * weight_formats[type].block_bytes;
    for (size_t g = 0; g < column_groups(n); g++, columns += Q8_GROUP * stride) {
        const size_t at = g * group_bytes, rest = weight_row_bytes(type, n) - at;
        const size_t bytes = rest < group_bytes ? rest : group_bytes;
        for (size_t i = 0; i < scale_bytes; i += 2, scales += 2 * all_rows) pack_halves(scales, &part, at + i);
        switch (column_tile_bytes(type)) {
        case COLUMN_TILE / 2: pack_nibbles(columns, stride, &part, at + scale_bytes); break;
        case COLUMN_TILE: pack_numbers(columns, stride, &part, at + scale_bytes, Q8_GROUP, 1); break;
        case COLUMN_TILE * 2: pack_numbers(columns, stride, &part, at, bytes, 2); break;
        case COLUMN_TILE * 4: pack_numbers(columns, stride, &part, at, bytes, 4); break;
        }
    }
}

/* ------------------------------------------------------------------ a model */

static bool packs(const struct rwkv_model *model, const struct matrix *matrix) {
    return model->kernels->columns[matrix->type].multiply != NULL;
}

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
        if (!matrix->by_column) continue;
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
    for (uint32_t i = 0; i < model->layer_count; i++)
        if (packs(model, &model->layers[i].channel_value)) bytes += packed_bytes(&model->layers[i].channel_value);
    if (bytes == 0) return true;

    const size_t alignment = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : 64;
    char *memory = model_allocate(model, bytes + alignment);
    if (!memory) return false;
    memory += alignment - (uintptr_t)memory % alignment;
    if (alignment == HUGE_PAGE_BYTES) pages_prefer_huge(memory, bytes);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        struct matrix *matrix = &model->layers[i].channel_value;
        if (!packs(model, matrix)) continue;
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
        if (matrix->by_column) tell(matrix->data, matrix->rows * matrix->row_bytes);
    }
}

enum rwkv_status by_column_pack(struct rwkv_model *model, struct rwkv_error *error) {
    const uint64_t before = model->allocated_bytes;
    if (!allocate(model))
        return error_set(error, RWKV_ERROR_MEMORY, "no memory for the matrices that are laid out anew");
    if (model->allocated_bytes == before) return RWKV_OK;

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
