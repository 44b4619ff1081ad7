/* float16.h - IEEE half precision, widened in plain C. */
#ifndef PST_BASE_FLOAT16_H
#define PST_BASE_FLOAT16_H

#include <stdint.h>
#include <string.h>

/* Exact; a NaN keeps its payload. */
static inline float float_of_f16(uint16_t value) {
    uint32_t exponent = value >> 10 & 31, fraction = value & 0x3FF;
    float size = (float)fraction * 0x1p-24f; /* what subnormals count in */
    if (exponent) {
        uint32_t bits = (exponent == 31 ? 255 : exponent + 127 - 15) << 23 | fraction << 13;
        memcpy(&size, &bits, sizeof size);
    }
    return value & 0x8000 ? -size : size;
}

#endif
