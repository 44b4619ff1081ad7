/* streaming.h - what all checkpoints of the streaming family have in common: its front end.
 *
 * Samples are cut into frames of 5 ms; two causal convolutions of stride 2 make frames of 20 ms of
 * them, which the encoder sees through a window. The decoder is that of the first family. */
#ifndef PST_MODEL_STREAMING_H
#define PST_MODEL_STREAMING_H

#include <stddef.h>

#include "model/moonshine.h"

enum {
    STREAM_FRAME_SAMPLES = 80, /* 5 ms */
    STREAM_KERNEL = 5,         /* of both convolutions; they see nothing to the right */
    STREAM_STRIDE = 2,
    STREAM_PAD = STREAM_KERNEL - 1, /* rows of zeros to the left */
    STREAM_SAMPLES_PER_FRAME = STREAM_FRAME_SAMPLES * STREAM_STRIDE * STREAM_STRIDE /* 20 ms */
};

/* y = c / sqrt(mean(c^2) + this), c = x - mean(x): of the samples of a frame. */
#define STREAM_CMVN_EPSILON 1e-6

/* The shortest clip: one whole frame. */
enum { STREAM_SAMPLES_MIN = STREAM_FRAME_SAMPLES };

/* Outputs of a convolution over `rows` >= 1 rows. */
static inline size_t stream_outputs(size_t rows) {
    return (rows - 1) / STREAM_STRIDE + 1;
}

/* frames1 are the frames of samples, of which the last may be partial; frames2 those after conv1.
 * All 0 when the clip is too short. */
static inline struct clip_extent stream_extent_of(size_t samples) {
    struct clip_extent extent = {.samples = samples};
    if (samples < STREAM_SAMPLES_MIN) return extent;
    extent.frames1 = (samples + STREAM_FRAME_SAMPLES - 1) / STREAM_FRAME_SAMPLES;
    extent.frames2 = stream_outputs(extent.frames1);
    extent.frames = stream_outputs(extent.frames2);
    return extent;
}

#endif
