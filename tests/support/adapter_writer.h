/* adapter_writer.h - adapter folders that a test makes. */
#ifndef TESTS_ADAPTER_WRITER_H
#define TESTS_ADAPTER_WRITER_H

#include "formats/safetensors.h"
#include "support/scratch.h"

/* A tensor of float32, [rows, columns]. */
static inline struct tensor_source float_matrix(const char *name, size_t rows, size_t columns,
                                                const float *values) {
    return (struct tensor_source){
        .name = name, .dtype = DTYPE_F32, .dims = 2, .shape = {rows, columns}, .data = values};
}

/* Writes adapter_config.json, in which ' stands for ", to `dir`. */
static inline void write_config(const char *dir, const char *config) {
    char text[2048];
    size_t length = 0;
    for (; config[length] && length < sizeof text - 1; length++)
        text[length] = config[length] == '\'' ? '"' : config[length];
    scratch_write(dir, "adapter_config.json", text, length);
}

static inline void write_tensors(const char *dir, const char *name,
                                 const struct tensor_source *tensors, size_t count) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (safetensors_write(path, tensors, count, NULL)) abort();
}

/* What an open adapter had to say. */
struct notes {
    int count;
    char last[512];
};

static inline void take_note(void *user, const char *message) {
    struct notes *notes = user;
    notes->count++;
    snprintf(notes->last, sizeof notes->last, "%s", message);
}

#endif
