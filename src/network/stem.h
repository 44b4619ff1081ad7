/* stem.h - samples to frames: three convolutions. */
#ifndef PST_NETWORK_STEM_H
#define PST_NETWORK_STEM_H

#include "network/workspace.h"

/* samples [ws->extent.samples] to ws->hidden [frames, dim]. */
void stem_forward(struct workspace *ws, const float *samples);

#endif
