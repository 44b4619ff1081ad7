/* alignment_heads.h - the heads of the decoder's cross-attention that follow the sound, by the size
 * of a model. How they were found is in docs/TIMES.md. */
#ifndef PST_MODEL_ALIGNMENT_HEADS_H
#define PST_MODEL_ALIGNMENT_HEADS_H

#include "model/config.h"

/* More heads than any model here has. */
enum { ALIGNMENT_HEADS_MAX = 256 };

/* Fills heads [ALIGNMENT_HEADS_MAX] with those of this size or, of one that nobody has measured,
 * with all of the upper half of the layers. Returns their number. */
size_t alignment_heads_of(const struct config *config, pst_alignment_head *heads);

#endif
