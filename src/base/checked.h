/* checked.h - arithmetic on sizes that come from files. Each returns 1 when the result fits. */
#ifndef PST_BASE_CHECKED_H
#define PST_BASE_CHECKED_H

#include <stddef.h>
#include <stdint.h>

static inline int checked_add(size_t a, size_t b, size_t *sum) {
    return !__builtin_add_overflow(a, b, sum);
}

static inline int checked_mul(size_t a, size_t b, size_t *product) {
    return !__builtin_mul_overflow(a, b, product);
}

/* Does [offset, offset + length) lie inside [0, total)? */
static inline int checked_range(uint64_t offset, uint64_t length, uint64_t total) {
    return offset <= total && length <= total - offset;
}

#endif
