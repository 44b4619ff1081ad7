/* error.c - one place where messages are made, so that all of them are safe to print. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts `text` so that no UTF-8 character is left half written, and blanks control characters: names
 * in messages come from files that may want to move the reader's cursor. */
static void make_printable(char *text) {
    size_t length = strlen(text);
    size_t start = length;
    while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)text[start - 1] >= 0xC0) {
        unsigned char lead = (unsigned char)text[start - 1];
        size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (length - (start - 1) < need) text[start - 1] = '\0';
    }
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = '?';
}

void error_record(pst_error *err, pst_status code, const char *format, ...) {
    if (!err) return;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    make_printable(err->message);
    err->code = code;
}

void error_record_memory(pst_error *err, size_t bytes) {
    if (bytes == 0)
        error_record(err, PST_ERR_MEMORY, "out of memory");
    else
        error_record(err, PST_ERR_MEMORY, "out of memory: %zu bytes wanted", bytes);
}

const char *pst_status_name(pst_status status) {
    switch (status) {
    case PST_OK: return "ok";
    case PST_ERR_ARGUMENT: return "argument";
    case PST_ERR_INPUT: return "input";
    case PST_ERR_MODEL: return "model";
    case PST_ERR_UNSUPPORTED: return "unsupported";
    case PST_ERR_IO: return "io";
    case PST_ERR_MEMORY: return "memory";
    case PST_ERR_CANCELLED: return "cancelled";
    case PST_ERR_NOT_FOUND: return "not found";
    case PST_ERR_ACCESS: return "access";
    case PST_ERR_DEVICE: return "device";
    }
    return "unknown";
}
