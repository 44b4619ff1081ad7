/* moonshine.c - see moonshine.h. */
#include "model/moonshine.h"

void rotary_angles(const struct config *config, size_t positions, float *cos, float *sin,
                   size_t position_stride, size_t pair_stride) {
    for (size_t pair = 0; pair < config->rotary_pairs; pair++) {
        /* In float32, as the reference computes them. */
        float exponent = (float)(2 * pair) / (float)config->rotary_dim;
        float frequency = 1.0f / powf((float)config->rope_theta, exponent);
        for (size_t p = 0; p < positions; p++) {
            float angle = (float)p * frequency;
            cos[p * position_stride + pair * pair_stride] = cosf(angle);
            sin[p * position_stride + pair * pair_stride] = sinf(angle);
        }
    }
}
