/* Every status has its name, everything else is "unknown". */
#include "check.h"
#include "rwkv.h"

#include <string.h>

static void expect_name(int32_t status, const char *name) {
    CHECK(strcmp(rwkv_status_name(status), name) == 0, "status %d is \"%s\", not \"%s\"", (int)status,
          rwkv_status_name(status), name);
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
    CHECK(rwkv_api_version() == RWKV_API_VERSION, "%u", (unsigned)rwkv_api_version());
    return check_result();
}
