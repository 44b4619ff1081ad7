/* scratch.h - folders and files that a test makes and leaves in its build folder. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* <build>/scratch-<name>, created; the text is static, one at a time. */
static inline const char *scratch_folder(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/scratch-%s", TEST_BINARY_DIR, name);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) abort();
    return path;
}

static inline void scratch_write(const char *folder, const char *name, const void *bytes,
                                 size_t size) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
}

static inline void scratch_text(const char *folder, const char *name, const char *text) {
    scratch_write(folder, name, text, strlen(text));
}

static inline void scratch_remove(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    remove(path);
}

static inline void scratch_copy(const char *from, const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", from, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) abort();
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) abort();
    fclose(file);
    scratch_write(folder, name, bytes, (size_t)size);
    free(bytes);
}

#endif
