/* source.c - see source.h. */
#include "audio/source/source.h"

#include <string.h>

#include "base/error.h"
#include "base/option_struct.h"

void pst_source_options_init_sized(pst_source_options *options, size_t struct_size) {
    const pst_source_options defaults = {
        .struct_size = sizeof defaults, .rate_hz = PST_SAMPLE_RATE_HZ, .channels = 1};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

pst_status pst_source_read(pst_source *source, float *samples, size_t capacity, size_t *count,
                           pst_error *err) {
    if (!source || !samples || !count)
        return error_set(err, PST_ERR_ARGUMENT, "source, samples and count must not be NULL");
    *count = 0;
    if (source->taken == source->ready.count) {
        source->taken = source->ready.count = 0;
        pst_status status = source->calls->fill(source, err);
        if (status) return status;
    }
    size_t left = source->ready.count - source->taken;
    *count = left < capacity ? left : capacity;
    if (*count) memcpy(samples, source->ready.data + source->taken, *count * sizeof *samples);
    source->taken += *count;
    return PST_OK;
}

void pst_source_stop(pst_source *source) {
    atomic_store(&source->stopped, 1);
    if (source->calls->stop) source->calls->stop(source);
}

double pst_source_lost(const pst_source *source) {
    return source->lost;
}

void pst_source_free(pst_source *source) {
    if (!source) return;
    sample_list_free(&source->ready);
    source->calls->free(source);
}
