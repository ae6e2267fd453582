#include "../include/rwkv.h"

uint32_t rwkv_api_version(void) { return RWKV_API_VERSION; }

const char *rwkv_status_name(int32_t status) {
    switch ((enum rwkv_status)status) {
    case RWKV_OK: return "RWKV_OK";
    case RWKV_ERROR_ARGUMENT: return "RWKV_ERROR_ARGUMENT";
    case RWKV_ERROR_MEMORY: return "RWKV_ERROR_MEMORY";
    case RWKV_ERROR_MODEL: return "RWKV_ERROR_MODEL";
    case RWKV_ERROR_UNSUPPORTED: return "RWKV_ERROR_UNSUPPORTED";
    case RWKV_ERROR_THREAD: return "RWKV_ERROR_THREAD";
    case RWKV_ERROR_CANCELLED: return "RWKV_ERROR_CANCELLED";
    }
    return "unknown";
}
