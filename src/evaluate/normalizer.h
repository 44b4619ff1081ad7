/* normalizer.h - one of the normalisations, and a map of the user's after it. */
#ifndef PST_EVALUATE_NORMALIZER_H
#define PST_EVALUATE_NORMALIZER_H

#include "base/buffer.h"
#include "evaluate/word_map.h"
#include "potstill_tools.h"

struct pst_normalizer {
    pst_normalization kind;
    struct word_map *map; /* NULL: none */
};

/* Replaces `out` by the normalised `text`. NULL: PST_NORMALIZE_NONE. */
pst_status normalizer_write(const struct pst_normalizer *normalizer, const char *text,
                            struct buffer *out, pst_error *err);

#endif
