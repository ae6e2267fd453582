/*
 * The choice of a tier. Called with a tier's name, by tests that set RWKV_CPU_TIER, it fails unless that tier is what
 * runs; called with "none", unless the choice is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "../../native/include/rwkv.h"
#include "check.h"
#include "cpu/kernels.h"

static void test_tables(const struct kernels *tier) {
    for (int type = 0; type < WEIGHT_TYPE_COUNT; type++) {
        CHECK(tier->matrix[type].matvec != NULL, "%s has no matvec for type %d", tier->name, type);
        CHECK(tier->columns[type].multiply != NULL, "%s has no columns for type %d", tier->name, type);
        CHECK(!tier->columns[type].pack == !tier->matrix[type].pack, "%s packs type %d one way only", tier->name, type);
        if (tier->matrix[type].pack) {
            CHECK(tier->gemm[tier->matrix[type].panel] != NULL, "%s has no gemm for type %d", tier->name, type);
            CHECK(tier->panel_rows > 0 && tier->panel_bytes != NULL, "%s has no panels", tier->name);
        }
    }
}

int main(int argc, char **argv) {
    struct rwkv_cpu_info info = {.struct_size = sizeof info};
    struct rwkv_error error = {0};
    const enum rwkv_status status = rwkv_cpu_info(&info, &error);

    if (argc > 1 && strcmp(argv[1], "none") == 0) {
        CHECK(status == RWKV_ERROR_ARGUMENT && strstr(error.message, "RWKV_CPU_TIER"), "%s", error.message);
        CHECK(kernels_get() == NULL, "there are kernels");
        return check_result();
    }
    const struct kernels *tiers[8];
    const size_t count = kernels_available(tiers, 8);
    if (argc > 1) {
        bool runs_here = false;
        for (size_t i = 0; i < count; i++) runs_here = runs_here || strcmp(tiers[i]->name, argv[1]) == 0;
        if (!runs_here) {
            printf("skipped: this processor cannot run %s\n", argv[1]);
            return 77;
        }
    }
    CHECK(status == RWKV_OK, "%s", error.message);
    const char *expected = argc > 1 ? argv[1] : info.tiers; /* the first of which is the best */
    const size_t length = strcspn(expected, " ");
    CHECK(strlen(info.tier) == length && strncmp(info.tier, expected, length) == 0, "%s runs, not %s", info.tier,
          expected);
    CHECK(kernels_get() && strcmp(kernels_get()->name, info.tier) == 0, "kernels_get and rwkv_cpu_info differ");
    CHECK(info.processor_count >= 1, "%u processors", (unsigned)info.processor_count);

    CHECK(count >= 1 && tiers[count - 1] == &scalar_kernels, "the scalar tier runs everywhere");
    for (size_t i = 0; i < count; i++) {
        CHECK(strstr(info.tiers, tiers[i]->name), "%s is not listed in %s", tiers[i]->name, info.tiers);
        test_tables(tiers[i]);
    }

    info = (struct rwkv_cpu_info){.struct_size = 8, .tier = "kept"};
    CHECK(rwkv_cpu_info(&info, NULL) == RWKV_OK && strcmp(info.tier, "kept") == 0,
          "only struct_size bytes are written");
    CHECK(rwkv_cpu_info(NULL, &error) == RWKV_ERROR_ARGUMENT, "NULL");
    return check_result();
}
