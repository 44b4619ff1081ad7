/* driver_io.h - how a Python oracle talks to a driver: little records over stdin and stdout.
 *
 * Numbers are in the machine's own byte order, which is also Python's "=". An answer starts with a
 * pst_status; unless it is 0, a text with the message follows. */
#ifndef PST_ORACLE_DRIVER_IO_H
#define PST_ORACLE_DRIVER_IO_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "potstill.h"

/* The process ends with the pipe: the oracle is the only reader of its exit code. */
static inline void read_exact(void *bytes, size_t length) {
    if (length > 0 && fread(bytes, 1, length, stdin) != length) exit(1);
}

static inline uint32_t read_number(void) {
    uint32_t number;
    read_exact(&number, sizeof number);
    return number;
}

/* A count, then that many items of `size` bytes; a NUL follows them in memory. */
static inline void *read_items(size_t size, uint32_t *count) {
    *count = read_number();
    char *items = malloc(*count * size + 1);
    if (!items) exit(1);
    read_exact(items, *count * size);
    items[*count * size] = '\0';
    return items;
}

static inline void write_number(uint32_t number) {
    fwrite(&number, sizeof number, 1, stdout);
}

static inline void write_items(const void *items, size_t size, size_t count) {
    write_number((uint32_t)count);
    fwrite(items, size, count, stdout);
}

static inline void write_status(pst_status status, const pst_error *err) {
    write_number((uint32_t)status);
    if (status) write_items(err->message, 1, strlen(err->message));
}

#endif
