/* How many threads take part on a busy machine: with times that are made up. */
#include "check.h"
#include "crowd.h"

#define MILLISECOND 1000000

/* Lets tasks of 5 ms end, `tasks` of them, whose threads sleep for `slept` thousandths of the time of one thread. */
static uint64_t run(struct crowd *crowd, uint64_t now, int tasks, uint64_t slept) {
    const uint64_t elapsed = 5 * MILLISECOND;
    for (int i = 0; i < tasks; i++) {
        crowd_threads(crowd, now);
        now += elapsed;
        crowd_learn(crowd, now, elapsed, slept * elapsed / 1000);
    }
    return now;
}

static void expect_threads(const struct crowd *crowd, uint32_t threads, const char *when) {
    CHECK(crowd->threads == threads, "%s: %u threads, expected %u", when, (unsigned)crowd->threads, (unsigned)threads);
}

/* One that has no processor keeps the others waiting: of n threads the (n - 1)th part of their sleep. */
static void test_a_thread_less_if_one_is_lost(void) {
    for (uint32_t most = 2; most <= 64; most *= 2) {
        const uint64_t one_lost = 1000 * (most - 1) / most;
        struct crowd crowd = crowd_begin(most);
        expect_threads(&crowd, most, "in the beginning");
        uint64_t now = run(&crowd, 0, 100, one_lost - 10);
        expect_threads(&crowd, most, "less than one is lost");
        now = run(&crowd, now, 4, one_lost + 20);
        expect_threads(&crowd, most, "too short a time to know");
        run(&crowd, now, 1, one_lost + 20);
        expect_threads(&crowd, most - 1, "one is lost");
    }
}

static void test_one_is_left(void) {
    struct crowd crowd = crowd_begin(4);
    crowd.patience = UINT64_MAX / 2;
    run(&crowd, 0, 100, 4000);
    expect_threads(&crowd, 1, "all sleep");
    crowd = crowd_begin(1);
    run(&crowd, 0, 100, 4000);
    expect_threads(&crowd, 1, "alone");
}

/* Whether it is still crowded is seen by trying, ever more rarely. */
static void test_more_are_tried_again(void) {
    struct crowd crowd = crowd_begin(2);
    uint64_t now = 0, longest = 0;
    for (int i = 0; i < 12; i++) {
        now = run(&crowd, now, 5, 900);
        expect_threads(&crowd, 1, "crowded");
        const uint64_t begin = now;
        while (crowd_threads(&crowd, now) == 1) now = run(&crowd, now, 1, 0);
        CHECK(now - begin >= longest, "tried again after %.0f ms, after %.0f before",
              (double)(now - begin) / MILLISECOND, (double)longest / MILLISECOND);
        longest = now - begin;
    }
    CHECK(longest > 1000 * MILLISECOND && longest < 3000u * MILLISECOND, "%.0f ms", (double)longest / MILLISECOND);

    now = run(&crowd, now, 5, 0);
    expect_threads(&crowd, 2, "no longer crowded");
    now = run(&crowd, now, 5, 900);
    expect_threads(&crowd, 1, "crowded again");
    run(&crowd, now + longest / 4, 1, 0);
    expect_threads(&crowd, 2, "soon tried again, since in between it was not crowded");
}

int main(void) {
    test_a_thread_less_if_one_is_lost();
    test_one_is_left();
    test_more_are_tried_again();
    return check_result();
}
