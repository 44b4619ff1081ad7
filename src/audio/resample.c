/* resample.c - see resample.h. */
#include "audio/resample.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* Output capacity for soxr beyond what the block itself gives: samples that its stages may have
 * held back. Less would only mean one more turn of the loop. */
enum { SLACK = 4096 };

pst_status resampler_open(struct resampler *resampler, int rate_hz, pst_error *err) {
    *resampler = (struct resampler){.ratio = (double)PST_SAMPLE_RATE_HZ / rate_hz};
    if (rate_hz == PST_SAMPLE_RATE_HZ) return PST_OK;
    soxr_error_t problem = NULL;
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    resampler->engine =
        soxr_create(rate_hz, PST_SAMPLE_RATE_HZ, 1, &problem, &io, &quality, &runtime);
    if (resampler->engine) return PST_OK;
    return error_set(err, PST_ERR_MEMORY, "no resampler from %d Hz to %d Hz: %s", rate_hz,
                     PST_SAMPLE_RATE_HZ, problem ? problem : "out of memory");
}

void resampler_close(struct resampler *resampler) {
    if (resampler->engine) soxr_delete(resampler->engine);
    *resampler = (struct resampler){0};
}

/* One call of soxr: takes up to `count` samples (NULL: there are no more), adds what comes out. */
static pst_status step(struct resampler *resampler, const float *samples, size_t count,
                       size_t *taken, size_t *given, struct sample_list *out, pst_error *err) {
    size_t capacity = (size_t)((double)count * resampler->ratio) + SLACK;
    if (!sample_list_reserve(out, capacity)) return error_memory(err, capacity * sizeof *out->data);
    soxr_error_t problem = soxr_process(resampler->engine, samples, count, taken,
                                        out->data + out->count, capacity, given);
    if (problem) return error_set(err, PST_ERR_MEMORY, "resampling failed: %s", problem);
    out->count += *given;
    resampler->given += *given;
    return PST_OK;
}

pst_status resampler_push(struct resampler *resampler, const float *samples, size_t count,
                          struct sample_list *out, pst_error *err) {
    resampler->taken += count;
    if (!resampler->engine) {
        if (!sample_list_reserve(out, count)) return error_memory(err, count * sizeof *out->data);
        if (count) memcpy(out->data + out->count, samples, count * sizeof *samples);
        out->count += count;
        resampler->given += count;
        return PST_OK;
    }
    while (count > 0) {
        size_t taken = 0, given = 0;
        pst_status status = step(resampler, samples, count, &taken, &given, out, err);
        if (status) return status;
        if (taken == 0 && given == 0)
            return error_set(err, PST_ERR_MEMORY, "resampling failed: soxr makes no progress");
        samples += taken;
        count -= taken;
    }
    return PST_OK;
}

/* soxr rounds its number of samples to the nearest, librosa wants the ceiling and adds a zero. */
static pst_status fix_length(struct resampler *resampler, struct sample_list *out, pst_error *err) {
    uint64_t length = (uint64_t)ceil((double)resampler->taken * resampler->ratio);
    if (length > resampler->given) {
        size_t missing = (size_t)(length - resampler->given);
        if (!sample_list_reserve(out, missing)) return error_memory(err, missing * sizeof(float));
        memset(out->data + out->count, 0, missing * sizeof(float));
        out->count += missing;
    } else {
        uint64_t extra = resampler->given - length;
        out->count -= extra < out->count ? (size_t)extra : out->count;
    }
    resampler->given = length;
    return PST_OK;
}

pst_status resampler_finish(struct resampler *resampler, struct sample_list *out, pst_error *err) {
    if (!resampler->engine || resampler->taken == 0) return PST_OK;
    for (size_t given = 1; given > 0;) {
        pst_status status = step(resampler, NULL, 0, NULL, &given, out, err);
        if (status) return status;
    }
    return fix_length(resampler, out, err);
}
