/* characters.h - two texts compared by their characters. */
#ifndef PST_EVALUATE_CHARACTERS_H
#define PST_EVALUATE_CHARACTERS_H

#include <stddef.h>

#include "potstill.h"

/* White space at the ends of both texts aside, as jiwer does: how many code points the reference
 * has, and how many have to be changed, left out or added. The texts are UTF-8. */
pst_status characters_compare(const char *reference, const char *hypothesis, size_t *characters,
                              size_t *errors, pst_error *err);

#endif
