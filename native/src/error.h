/*
 * Filling in the caller's struct rwkv_error.
 */
#ifndef RWKV_ERROR_H
#define RWKV_ERROR_H

#include <stdarg.h>

#include "../include/rwkv.h"

#if defined(__MINGW32__)
#include <stdio.h>
/* Plain `printf` would be Microsoft's, without %zu. */
#define RWKV_PRINTF __attribute__((format(__MINGW_PRINTF_FORMAT, 3, 4)))
#elif defined(__GNUC__)
#define RWKV_PRINTF __attribute__((format(printf, 3, 4)))
#else
#define RWKV_PRINTF
#endif

/*
 * Writes status and message (one line, as for printf) to `error`, which may be NULL, and returns the status:
 *     return error_set(error, RWKV_ERROR_MEMORY, "no memory for %zu bytes of scratch", bytes);
 * A message that is too long is cut after a whole character.
 */
RWKV_PRINTF enum rwkv_status error_set(struct rwkv_error *error, enum rwkv_status status, const char *format, ...);

/* The same with a list of arguments, as vprintf is to printf. */
enum rwkv_status error_set_list(struct rwkv_error *error, enum rwkv_status status, const char *format,
                                va_list arguments);

#endif
