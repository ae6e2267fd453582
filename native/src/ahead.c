/*
 * Unpacking reads short pieces of many rows or columns, which no processor foresees, so that they are asked for before:
 * those of the next panel, which is the one beside this, or, at the end of the rows, the first one below. They would be
 * too many at once if they came from memory. So in time what is below is brought as far as the second cache, part by
 * part, in the order in which it lies there.
 *
 * A thread's items are neighbours, so that this is mostly right; where it is not, nothing is lost but time.
 */
#include "ahead.h"

#include "cpu/columns.h"

#define CACHE_LINE 64

/* Of short rows, those that are fetched from memory are further away than the next ones: all that is done with these
 * would not take as long as memory. */
#define LEAST_DISTANCE 16384

static size_t divided(size_t a, size_t b) { return (a + b - 1) / b; }

static struct fetch rows_ahead(const struct matrix *matrix, size_t first, size_t rows, const struct strip *strip) {
    const char *row = matrix->data + first * matrix->row_bytes;
    const size_t end = strip->offset + strip->bytes, panel_bytes = rows * matrix->row_bytes;
    return (struct fetch){
        .row = end < matrix->row_bytes ? row + end : row + panel_bytes,
        .row_bytes = matrix->row_bytes,
        .rows = (ptrdiff_t)rows,
        .line = row + (panel_bytes > LEAST_DISTANCE ? panel_bytes : LEAST_DISTANCE) + rows * strip->offset,
        .line_stride = CACHE_LINE,
        .lines = (ptrdiff_t)divided(rows * strip->bytes, CACHE_LINE),
    };
}

/* Panels whose rows share the lines of a tile of columns fetch a part of those of the next tile each. The columns
 * beside are left to pack_columns. */
static struct fetch columns_ahead(const struct matrix *matrix, size_t first, const struct strip *strip) {
    const enum weight_type type = matrix->type;
    const size_t parts = COLUMN_TILE / COLUMN_PACK_ROWS, part = first / COLUMN_PACK_ROWS % parts;
    const size_t column = strip->begin + strip->count * part / parts;
    return (struct fetch){
        .line = matrix->by_column + column_offset(type, matrix->rows, strip->n) +
                column * column_bytes(type, matrix->rows) +
                (first / COLUMN_TILE + 1) * column_tile_bytes(column_lower_bits(type)),
        .line_stride = column_bytes(type, matrix->rows),
        .lines = (ptrdiff_t)(strip->count / parts),
    };
}

/* Lines with each step of packing, if there are so few tokens that memory is what counts. */
#define PACK_STEP 2

struct fetch fetch_of_next(const struct matrix *matrix, const struct kernels *kernels, size_t first, size_t rows,
                           const struct strip *strip, size_t tokens) {
    struct fetch fetch =
        matrix->by_column ? columns_ahead(matrix, first, strip) : rows_ahead(matrix, first, rows, strip);
    const size_t steps = divided(strip->count, step_columns(kernels->matrix[matrix->type].panel));
    const size_t pack_steps = steps * divided(kernels->panel_rows, 8);
    if (kernels->strip_tokens == 0)
        fetch.pack_step = divided((size_t)fetch.lines, pack_steps);
    else if (tokens <= FETCH_TOKENS && !matrix->by_column)
        fetch.pack_step = PACK_STEP;
    fetch.lines -= (ptrdiff_t)(pack_steps * fetch.pack_step);
    if (fetch.lines > 0) fetch.line_step = divided((size_t)fetch.lines, steps * divided(tokens, FETCH_TOKENS));
    return fetch;
}
