/* whole_file.c - see whole_file.h. */
#include "whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

static char *read_all(FILE *file, const char *path, size_t most, char **text, size_t *size) {
    size_t capacity = 0;
    do {
        if (*size + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : 65536;
            *text = need(realloc(*text, capacity));
        }
        *size += fread(*text + *size, 1, capacity - *size - 1, file);
        (*text)[*size] = '\0';
        if (*size > most)
            return text_format("%s: is over %zu bytes, the most that is read", path, most);
    } while (!feof(file) && !ferror(file));
    return ferror(file) ? text_format("%s: cannot read: %s", path, strerror(errno)) : NULL;
}

char *whole_file_read(const char *path, size_t most, char **text, size_t *size) {
    *text = NULL;
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return text_format("%s: no such file", path);
    if (!file) return text_format("%s: cannot open: %s", path, strerror(errno));
    char *why = read_all(file, path, most, text, size);
    fclose(file);
    return why;
}

int whole_file_write(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return 0;
        bytes += written;
        count -= (size_t)written;
    }
    return 1;
}
