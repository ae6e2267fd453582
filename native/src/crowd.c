#include "crowd.h"

#include <stdbool.h>

#define MILLISECOND 1000000

/* What is shorter may be a single disturbance. */
#define LOOK (25 * MILLISECOND)

#define LEAST_PATIENCE (100 * MILLISECOND)
#define MOST_PATIENCE (1600 * MILLISECOND)

struct crowd crowd_begin(uint32_t most) {
    return (struct crowd){.most = most, .threads = most, .patience = LEAST_PATIENCE};
}

uint32_t crowd_threads(struct crowd *crowd, uint64_t now) {
    if (crowd->threads < crowd->most && now >= crowd->again) {
        crowd->threads++;
        crowd->elapsed = crowd->slept = 0;
    }
    return crowd->threads;
}

/* While one of n threads has no processor, n - 1 sleep. So in n / (n - 1) times as much as they have slept, all of them
 * together have done nothing; if that is more than one thread's whole time, n - 1 of them would have done more. */
static bool is_crowded(const struct crowd *crowd) {
    return crowd->threads > 1 && crowd->slept * crowd->threads > crowd->elapsed * (crowd->threads - 1);
}

void crowd_learn(struct crowd *crowd, uint64_t now, uint64_t elapsed, uint64_t slept) {
    crowd->elapsed += elapsed;
    crowd->slept += slept;
    if (crowd->elapsed < LOOK) return;
    if (is_crowded(crowd)) {
        crowd->threads--;
        crowd->again = now + crowd->patience;
        if (crowd->patience < MOST_PATIENCE) crowd->patience *= 2;
    } else if (crowd->threads == crowd->most) {
        crowd->patience = LEAST_PATIENCE;
    }
    crowd->elapsed = crowd->slept = 0;
}
