/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

/* Most of a model's files is ASCII: eight bytes a step while no high bit is set. */
static size_t skip_ascii(const char *text, size_t at, size_t length) {
    while (length - at >= 8) {
        uint64_t word;
        memcpy(&word, text + at, 8);
        if (word & UINT64_C(0x8080808080808080)) break;
        at += 8;
    }
    while (at < length && (unsigned char)text[at] < 0x80) at++;
    return at;
}

size_t utf8_valid_length(const char *text, size_t length) {
    size_t at = 0;
    while ((at = skip_ascii(text, at, length)) < length) {
        utf8proc_int32_t code_point;
        utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                  (utf8proc_ssize_t)(length - at), &code_point);
        if (taken <= 0) return at;
        at += (size_t)taken;
    }
    return length;
}

int utf8_cut(const char *text, size_t length, int limit) {
    if (length <= (size_t)limit) return (int)length;
    int cut = limit;
    while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80) cut--;
    return cut;
}
