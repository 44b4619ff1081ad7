/* encoder.h - frames to memory: what the decoder listens to. */
#ifndef PST_NETWORK_ENCODER_H
#define PST_NETWORK_ENCODER_H

#include "network/workspace.h"

/* ws->hidden [frames, dim], the stem's output, becomes the memory in place. */
void encoder_forward(struct workspace *ws);

/* normed = layer_norm(hidden) * weight over rows of dim; layer norms here have no bias. */
void norm_rows(struct workspace *ws, float *normed, const float *hidden, const struct norm *norm,
               size_t rows);

#endif
