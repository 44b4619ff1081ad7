/* family.h - what a model of either family makes of a clip. */
#ifndef PST_MODEL_FAMILY_H
#define PST_MODEL_FAMILY_H

#include "model/moonshine.h"

/* By the family alone. */
struct clip_extent family_extent(enum family family, size_t samples);
/* Frames of a clip after each step of the front end; all 0 when it is too short. */
struct clip_extent family_extent_of(const struct config *config, size_t samples);
/* Samples of the shortest clip. */
size_t family_samples_min(const struct config *config);
/* Samples from one frame of the memory to the next. */
size_t family_frame_samples(const struct config *config);

#endif
