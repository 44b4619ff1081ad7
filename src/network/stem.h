/* stem.h - samples to frames: three convolutions. The front end of the first family. */
#ifndef PST_NETWORK_STEM_H
#define PST_NETWORK_STEM_H

#include "network/workspace.h"

/* samples of the clip that ws->extent is for, to ws->memory [frames, dim]. */
void stem_forward(struct workspace *ws, const float *samples);

#endif
