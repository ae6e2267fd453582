/* Every status has its name, everything else is "unknown". */
#include "rwkv.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void expect_name(int32_t status, const char *name) {
    if (strcmp(rwkv_status_name(status), name) == 0) return;
    printf("rwkv_status_name(%d) is \"%s\", not \"%s\"\n", (int)status, rwkv_status_name(status), name);
    failures++;
}

int main(void) {
#define EXPECT_OWN_NAME(status) expect_name(status, #status)
    EXPECT_OWN_NAME(RWKV_OK);
    EXPECT_OWN_NAME(RWKV_ERROR_ARGUMENT);
    EXPECT_OWN_NAME(RWKV_ERROR_MEMORY);
    EXPECT_OWN_NAME(RWKV_ERROR_MODEL);
    EXPECT_OWN_NAME(RWKV_ERROR_UNSUPPORTED);
    EXPECT_OWN_NAME(RWKV_ERROR_THREAD);
    EXPECT_OWN_NAME(RWKV_ERROR_CANCELLED);
    expect_name(RWKV_ERROR_CANCELLED + 1, "unknown");
    expect_name(-1, "unknown");
    if (rwkv_api_version() != RWKV_API_VERSION) {
        printf("rwkv_api_version() is %u, not %u\n", (unsigned)rwkv_api_version(), (unsigned)RWKV_API_VERSION);
        failures++;
    }
    return failures != 0;
}
