/* base64.c - see base64.h. */
#include "serve/base64.h"

#include <stdint.h>

/* 0 to 63; -1: no digit. */
static int digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_decode(const char *text, size_t length, unsigned char *bytes) {
    long count = 0;
    if (length % 4) return -1;
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') padding++;
    for (size_t at = 0; at < length; at += 4) {
        size_t digits = at + 4 == length ? 4 - padding : 4;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            int value = i < digits ? digit(text[at + i]) : 0;
            if (value < 0) return -1;
            bits = bits << 6 | (uint32_t)value;
        }
        /* What the padding stands for is 0. */
        if (digits < 4 && bits & ((1U << 8 * (4 - digits)) - 1)) return -1;
        for (size_t i = 0; i + 1 < digits; i++)
            bytes[count++] = (unsigned char)(bits >> (16 - 8 * i) & 0xff);
    }
    return count;
}
