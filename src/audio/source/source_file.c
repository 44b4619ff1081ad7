/* source_file.c - an audio file as a source, as fast as it is read. */
#include <stdlib.h>
#include <string.h>

#include "audio/audio_stream.h"
#include "audio/source/source.h"
#include "base/error.h"

/* Samples read at a time: a second. */
enum { PIECE = PST_SAMPLE_RATE_HZ };

struct file_source {
    struct pst_source source;
    struct audio_stream stream;
    char path[]; /* the stream keeps no copy of its name */
};

static pst_status fill(struct pst_source *source, pst_error *err) {
    struct file_source *file = (struct file_source *)source;
    if (atomic_load(&source->stopped) || file->stream.ended) return PST_OK;
    return audio_stream_read(&file->stream, PIECE, &source->ready, err);
}

static void free_file(struct pst_source *source) {
    struct file_source *file = (struct file_source *)source;
    audio_stream_close(&file->stream);
    free(file);
}

static const struct source_calls CALLS = {.fill = fill, .free = free_file};

pst_status pst_source_open_file(const char *path, pst_source **source, pst_error *err) {
    if (!path || !source)
        return error_set(err, PST_ERR_ARGUMENT, "path and source must not be NULL");
    size_t length = strlen(path) + 1;
    struct file_source *file = calloc(1, sizeof *file + length);
    if (!file) return error_memory(err, sizeof *file + length);
    memcpy(file->path, path, length);
    file->source.calls = &CALLS;
    pst_status status = audio_stream_open(&file->stream, file->path, NULL, err);
    if (status) {
        free(file);
        return status;
    }
    *source = &file->source;
    return PST_OK;
}
