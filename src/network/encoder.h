/* encoder.h - samples to memory: what the decoder attends to. */
#ifndef PST_NETWORK_ENCODER_H
#define PST_NETWORK_ENCODER_H

#include "network/workspace.h"

/* samples [count] of the clip that ws->extent is for to ws->memory [frames, encoder_dim], by the
 * front end of the family: stem.h or embedder.h. */
void encoder_front_end(struct workspace *ws, const float *samples, size_t count);
/* ws->memory, those frames, becomes the memory in place. */
void encoder_layers(struct workspace *ws);
/* Both. */
void encoder_forward(struct workspace *ws, const float *samples, size_t count);

#endif
