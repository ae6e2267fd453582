/* Where the part of a matrix by column (columns.h) lies that becomes panels at once. Included after a tier's lanes and
 * panels. */
#ifndef RWKV_COLUMN_PANEL_H
#define RWKV_COLUMN_PANEL_H

#include "../../quant/blocks.h"
#include "../columns.h"
#include "fetch.h"
#include "inline.h"

/* Where the integers of the rows are in the lower or upper part of a column (columns.h). */
struct panel_bits {
    size_t offset; /* from the beginning of the column */
    int shift;     /* their place in bytes; of single bits that of the first 16 rows, and the next bit of the others */
};

/* The part of a matrix that becomes panels. */
struct column_panel {
    const char *matrix; /* from its first scale on */
    size_t rows, first;
    const char *column; /* the first */
    size_t column_bytes;
    struct panel_bits lower, upper;
};

_Static_assert(COLUMN_PACK_ROWS == 32, "they lie side by side, but those of single bits");
_Static_assert(COLUMN_PACK_ROWS % PANEL_ROWS == 0, "they are whole panels");

INLINE struct panel_bits panel_bits_of(size_t offset, size_t first, const size_t bits) {
    if (bits == 0) return (struct panel_bits){0, 0};
    const size_t bytes = column_tile_bytes(bits), row = first % COLUMN_TILE;
    return (struct panel_bits){offset + first / COLUMN_TILE * bytes + row % bytes, (int)(bits * (row / bytes))};
}

INLINE struct column_panel column_panel_of(const void *matrix, size_t rows, size_t n, size_t first,
                                           const enum weight_type type) {
    return (struct column_panel){
        .matrix = matrix,
        .rows = rows,
        .first = first,
        .column = (const char *)matrix + column_offset(type, rows, n),
        .column_bytes = column_bytes(type, rows),
        .lower = panel_bits_of(0, first, column_lower_bits(type)),
        .upper = panel_bits_of(column_lower_bytes(type, rows), first, column_upper_bits(type)),
    };
}

/* The scale of the block of a group, and the minimum, of row `row` of these. */
INLINE const char *panel_scales(const struct column_panel *panel, size_t group, size_t row,
                                const enum weight_type type) {
    return panel->matrix + column_scale_offset(type, panel->rows, group) + 2 * column_place(panel->first + row);
}
INLINE const char *panel_minima(const struct column_panel *panel, size_t group, size_t row,
                                const enum weight_type type) {
    return panel_scales(panel, group, row, type) + 2 * column_rows(panel->rows);
}

/* The first or second part of a group's scale. */
INLINE const char *panel_parts(const struct column_panel *panel, size_t group, size_t row, size_t which,
                               const enum weight_type type) {
    return panel->matrix + column_part_offset(type, panel->rows, group) + which * column_rows(panel->rows) +
           column_place(panel->first + row);
}

/* Of 8 rows, the first of which is a multiple of 8; of 16. */
INLINE floats_8 load_8_scales(const char *scales) {
    return floats_of_halves(load_eights(scales, 2 * COLUMN_PLACE_STEP));
}
INLINE bytes_16 load_8_parts(const char *parts) {
    return bytes_of_words(load_u32(parts), load_u32(parts + COLUMN_PLACE_STEP), 0, 0);
}
INLINE bytes_16 load_16_parts(const char *parts) {
    return bytes_of_words(load_u32(parts), load_u32(parts + COLUMN_PLACE_STEP), load_u32(parts + 2 * COLUMN_PLACE_STEP),
                          load_u32(parts + 3 * COLUMN_PLACE_STEP));
}

/* Fetches the scales of the fourth group after one: lines here and there, which no prefetcher foresees. */
INLINE void fetch_panel_scales(const struct column_panel *panel, size_t group, const enum weight_type type) {
    group += 4;
    if (group % column_block_groups(type) == 0) {
        for (size_t row = 0; row < 16; row += 8) { /* of 64 rows, in two lines */
            fetch_line(panel_scales(panel, group, row, type), 1);
            if (column_has_minimum(type)) fetch_line(panel_minima(panel, group, row, type), 1);
        }
    }
    if (!column_has_parts(type)) return;
    fetch_line(panel_parts(panel, group, 0, 0, type), 1);
    fetch_line(panel_parts(panel, group, 0, 1, type), 1);
}

/* value = scale * integer + minimum, of 8 rows of types with a scale for each 32 columns */
struct panel_octet {
    floats_8 scale, minimum;
};

INLINE struct panel_octet panel_octet_of(const struct column_panel *panel, size_t group, size_t row,
                                         const enum weight_type type) {
    struct panel_octet octet;
    octet.scale = load_8_scales(panel_scales(panel, group, row, type));
    octet.minimum = column_has_minimum(type) ? load_8_scales(panel_minima(panel, group, row, type))
                                             : multiply_floats(octet.scale, all_floats(-(float)column_zero(type)));
    if (!column_has_parts(type)) return octet;
    octet.scale = multiply_floats(octet.scale, floats_of_u8(load_8_parts(panel_parts(panel, group, row, 0, type))));
    octet.minimum = multiply_floats(multiply_floats(octet.minimum, all_floats(-1)),
                                    floats_of_u8(load_8_parts(panel_parts(panel, group, row, 1, type))));
    return octet;
}

#endif
