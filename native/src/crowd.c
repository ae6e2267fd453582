#include "crowd.h"

#define MILLISECOND 1000000

/* What is shorter may be a single disturbance. */
#define LOOK (25 * MILLISECOND)

/* In looks as long as the last one; where that is long, and a long time to be slower than need be, not so many. */
#define LEAST_PATIENCE 4
#define MOST_PATIENCE 64
#define MOST_PATIENCE_IF_LONG 16
#define LONG (MOST_PATIENCE * LOOK)

struct crowd crowd_begin(uint32_t most) {
    return (struct crowd){.most = most, .threads = most, .patience = LEAST_PATIENCE};
}

bool crowd_is_due(struct crowd *crowd, uint64_t elapsed) {
    crowd->elapsed += elapsed;
    return crowd->elapsed >= LOOK;
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* While one of n threads has no processor, the others wait for it: all of them lose that time. If it is an nth of the
 * whole, n - 1 threads that lose none do as much. */
static bool is_crowded(const struct crowd *crowd, uint64_t delayed) {
    return crowd->threads > 1 && delayed > crowd->elapsed / crowd->threads;
}

void crowd_look(struct crowd *crowd, uint64_t now, uint64_t delayed) {
    if (is_crowded(crowd, delayed)) {
        if (crowd->trying) crowd->patience = smaller(2 * crowd->patience, MOST_PATIENCE);
        crowd->threads--;
        crowd->trying = false;
        const uint64_t longest = larger(LONG, MOST_PATIENCE_IF_LONG * crowd->elapsed);
        crowd->again = now + smaller(crowd->patience * crowd->elapsed, longest);
    } else {
        if (crowd->trying) crowd->patience = larger(crowd->patience / 2, LEAST_PATIENCE);
        crowd->trying = crowd->threads < crowd->most && now >= crowd->again;
        if (crowd->trying) crowd->threads++;
    }
    crowd->elapsed = 0;
}
