/* family.c - see family.h. */
#include "model/family.h"

#include "model/streaming.h"

struct clip_extent family_extent(enum family family, size_t samples) {
    return family == FAMILY_STREAMING ? stream_extent_of(samples) : clip_extent_of(samples);
}

struct clip_extent family_extent_of(const struct config *config, size_t samples) {
    return family_extent(config->family, samples);
}

size_t family_samples_min(const struct config *config) {
    return config->family == FAMILY_STREAMING ? STREAM_SAMPLES_MIN : CLIP_SAMPLES_MIN;
}

size_t family_frame_samples(const struct config *config) {
    return config->family == FAMILY_STREAMING ? STREAM_FRAME_SAMPLES * STREAM_STRIDE * STREAM_STRIDE
                                              : STEM_STRIDE1 * STEM_STRIDE2 * STEM_STRIDE3;
}
