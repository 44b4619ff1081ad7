/* family.h - what is known of each family: its names, and what it makes of a clip. */
#ifndef PST_MODEL_FAMILY_H
#define PST_MODEL_FAMILY_H

#include "model/moonshine.h"

/* Its model_type: "moonshine", ... */
const char *family_name(enum family family);
/* The class of transformers that loads it, as in `architectures`. */
const char *family_class(enum family family);
/* The family of that model_type; 0: there is none, and `*family` stays. */
int family_find(const char *name, enum family *family);

/* By the family alone. */
struct clip_extent family_extent(enum family family, size_t samples);
/* Frames of a clip after each step of the front end; all 0 when it is too short. */
struct clip_extent family_extent_of(const struct config *config, size_t samples);
/* Samples of the shortest clip. */
size_t family_samples_min(const struct config *config);
/* Samples from one frame of the memory to the next. */
size_t family_frame_samples(const struct config *config);

#endif
