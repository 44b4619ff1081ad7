/* encoder.h - frames to memory: what the decoder attends to. */
#ifndef PST_NETWORK_ENCODER_H
#define PST_NETWORK_ENCODER_H

#include "network/workspace.h"

/* ws->memory [frames, dim], the stem's output, becomes the memory in place. */
void encoder_forward(struct workspace *ws);

#endif
