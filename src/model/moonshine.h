/* moonshine.h - what all checkpoints of the first family have in common, and no config.json says.
 *
 * The engine, the Core ML graphs and the importers take it from here. The streaming family has
 * another front end and encoder (streaming.h), and the same decoder. */
#ifndef PST_MODEL_MOONSHINE_H
#define PST_MODEL_MOONSHINE_H

#include <math.h>
#include <stddef.h>

#include "model/config.h"

/* The stem: kernel and stride of its three convolutions. */
enum {
    STEM_KERNEL1 = 127,
    STEM_STRIDE1 = 64,
    STEM_KERNEL2 = 7,
    STEM_STRIDE2 = 3,
    STEM_KERNEL3 = 3,
    STEM_STRIDE3 = 2,
    STEM_SAMPLES_PER_FRAME = STEM_STRIDE1 * STEM_STRIDE2 * STEM_STRIDE3 /* 24 ms */
};

/* Inputs that `outputs` >= 1 outputs of a convolution see. */
#define STEM_INPUTS(outputs, kernel, stride) (((outputs)-1) * (stride) + (kernel))

/* The shortest clip that gives one frame: 3 outputs of conv2, 13 of conv1, 895 samples. */
enum {
    CLIP_SAMPLES_MIN = STEM_INPUTS(
        STEM_INPUTS(STEM_INPUTS(1, STEM_KERNEL3, STEM_STRIDE3), STEM_KERNEL2, STEM_STRIDE2),
        STEM_KERNEL1, STEM_STRIDE1)
};

/* Frames of a clip after conv1, conv2 and conv3; all 0 when it is too short for one. */
struct clip_extent {
    size_t samples, frames1, frames2, frames;
};

static inline struct clip_extent clip_extent_of(size_t samples) {
    struct clip_extent extent = {.samples = samples};
    if (samples < CLIP_SAMPLES_MIN) return extent;
    extent.frames1 = (samples - STEM_KERNEL1) / STEM_STRIDE1 + 1;
    extent.frames2 = (extent.frames1 - STEM_KERNEL2) / STEM_STRIDE2 + 1;
    extent.frames = (extent.frames2 - STEM_KERNEL3) / STEM_STRIDE3 + 1;
    return extent;
}

/* torch's default, for the group norm and the layer norms. */
#define NORM_EPSILON 1e-5

/* What scores of attention are multiplied by. */
static inline float attention_scale(size_t head_dim) {
    return 1.0f / sqrtf((float)head_dim);
}

/* cos and sin of the angle of each rotary pair at positions [0, positions): that of `pair` at
 * `position` goes to [position * position_stride + pair * pair_stride]. */
void rotary_angles(const struct config *config, size_t positions, float *cos, float *sin,
                   size_t position_stride, size_t pair_stride);

#endif
