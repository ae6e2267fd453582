#include "error.h"

#include <stddef.h>
#include <stdio.h>

enum rwkv_status error_set(struct rwkv_error *error, enum rwkv_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error_set_list(error, status, format, arguments);
    va_end(arguments);
    return status;
}

enum rwkv_status error_set_list(struct rwkv_error *error, enum rwkv_status status, const char *format,
                                va_list arguments) {
    if (!error) return status;
    error->status = status;
    const int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    if (length < 0) {
        error->message[0] = 0;
    } else if ((size_t)length >= sizeof error->message) {
        /* UTF-8: the first byte that is lost must not be in the middle of a character (10xxxxxx). */
        size_t end = sizeof error->message - 1;
        size_t start = end;
        while (start > 0 && (error->message[start - 1] & 0xC0) == 0x80) start--;
        if (start > 0 && (error->message[start - 1] & 0xC0) == 0xC0) {
            unsigned char lead = (unsigned char)error->message[start - 1];
            size_t character = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
            if (start - 1 + character > end) error->message[start - 1] = 0;
        }
    }
    return status;
}
