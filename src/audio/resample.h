/* resample.h - mono samples at any rate to 16 kHz, block by block.
 *
 * The filter is soxr's HQ recipe, which librosa.load() uses as "soxr_hq". soxr gives the same bits
 * however its input is cut into blocks, so a long file needs no second copy in memory and yet
 * yields what one call over the whole of it would. */
#ifndef PST_AUDIO_RESAMPLE_H
#define PST_AUDIO_RESAMPLE_H

#include <soxr.h>
#include <stdint.h>

#include "audio/sample_list.h"
#include "potstill.h"

struct resampler {
    soxr_t engine;  /* NULL at 16 kHz, where samples pass unchanged */
    double ratio;   /* samples out per sample in */
    uint64_t taken; /* samples so far */
    uint64_t given;
};

pst_status resampler_open(struct resampler *resampler, int rate_hz, pst_error *err);
/* Appends to `out` what `samples` [count] complete. */
pst_status resampler_push(struct resampler *resampler, const float *samples, size_t count,
                          struct sample_list *out, pst_error *err);
/* Appends what the filter still holds. Afterwards exactly ceil(taken * ratio) samples are given. */
pst_status resampler_finish(struct resampler *resampler, struct sample_list *out, pst_error *err);
void resampler_close(struct resampler *resampler);

#endif
